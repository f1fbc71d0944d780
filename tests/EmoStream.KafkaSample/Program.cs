using EmoStream.Streaming.Kafka;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Orleans.Streams;
using Orleans.Streams.Core;

// dotnet run -- --kafka localhost:9092 --topic readings
var builder = Host.CreateApplicationBuilder(args);
var settings = builder.Configuration;
builder.UseOrleans(silo => silo
    .UseLocalhostClustering(settings.GetValue("siloPort", 11111), settings.GetValue("gatewayPort", 30000))
    .AddKafkaStreams("Kafka", kafka => kafka
        .Configure(options => (options.BootstrapServers, options.Topic, options.GroupId) = (settings["kafka"]!, settings["topic"]!, "sensors"))
        .UseMessages(messages => messages.StreamFromKey("readings").Json<Reading>())));
await builder.Build().RunAsync();

/// <summary>A record's value, {"celsius":21.5}; its key is the sensor. Grains on other silos get a copy by Orleans' serialiser.</summary>
[GenerateSerializer, Immutable]
internal sealed record Reading([property: Id(0)] double Celsius);

internal interface ISensor : IGrainWithStringKey;

/// <summary>One grain per Kafka key, activated by its first record. It returns when it is done: only then is the offset committed.</summary>
[ImplicitStreamSubscription("readings")]
internal sealed class Sensor : Grain, ISensor, IStreamSubscriptionObserver, IAsyncBatchObserver<Reading>
{
    private long _offset = -1;
    private double _sum;
    private int _count;

    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) => handleFactory.Create<Reading>().ResumeAsync(this);

    /// <summary>Everything that waits for this sensor, in Kafka's order. What throws here comes again.</summary>
    public Task OnNextAsync(IList<SequentialItem<Reading>> items)
    {
        foreach (var item in items)
        {
            // Delivered at least once: whoever keeps the offset with the result counts every record once.
            var offset = ((KafkaSequenceToken)item.Token).Offset;
            if (offset <= _offset) continue;
            (_offset, _sum, _count) = (offset, _sum + item.Item.Celsius, _count + 1);
        }

        Console.WriteLine(FormattableString.Invariant($"{this.GetPrimaryKeyString()}: {_count} readings, mean {_sum / _count}"));
        return Task.CompletedTask;
    }

    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
}
