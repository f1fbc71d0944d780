using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Confluent.Kafka;
using EmoStream.Streaming.Kafka;
using Microsoft.Extensions.Hosting;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace EmoStream.Benchmarks.Cold;

/// <summary>Takes one event and is never asked again.</summary>
[Alias("EmoStream.Benchmarks.IColdGrain")]
public interface IColdGrain : IGrainWithStringKey
{
    /// <summary>The same by a direct call.</summary>
    [Alias("Take")]
    Task TakeAsync(byte[] value);
}

/// <summary>Activated by its first event, as a conversation is; its only work is to count it.</summary>
[ImplicitStreamSubscription(ColdAdapter.Namespace)]
internal sealed class ColdGrain(ColdCount count) : Grain, IColdGrain, IStreamSubscriptionObserver, IAsyncBatchObserver<byte[]>
{
    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) => handleFactory.Create<byte[]>().ResumeAsync(this);

    public Task OnNextAsync(IList<SequentialItem<byte[]>> items)
    {
        for (var i = 0; i < items.Count; i++) count.Take(ColdRecords.Number(items[i].Item));
        return Task.CompletedTask;
    }

    public Task OnErrorAsync(Exception ex) => Task.CompletedTask;

    public Task TakeAsync(byte[] value)
    {
        count.Take(ColdRecords.Number(value));
        return Task.CompletedTask;
    }
}

/// <summary>The record's key is the stream, its bytes are the event.</summary>
internal sealed class ColdAdapter : KafkaDataAdapter
{
    public const string Namespace = "cold";

    public override KafkaDecoded Decode(in KafkaRecord record) =>
        KafkaDecoded.Accept(StreamId.Create(Namespace, Encoding.UTF8.GetString(record.Key.Span)), record.Value.ToArray());
}

/// <summary>Records of about 300 bytes that start with their number, which is also their key.</summary>
internal static class ColdRecords
{
    private static readonly byte[] Filling = Encoding.UTF8.GetBytes(" " + new string('x', 290));

    public static int Number(byte[] value) => Utf8Parser.TryParse(value, out int number, out _) ? number : throw new FormatException("no number");

    public static void Produce(string servers, string topic, int first, int count)
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig
        {
            BootstrapServers = servers,
            Partitioner = Partitioner.Murmur2Random,
            LingerMs = 5,
            QueueBufferingMaxMessages = 1_000_000,
        }).Build();
        for (var i = first; i < first + count; i++)
        {
            var key = Encoding.UTF8.GetBytes(i.ToString(CultureInfo.InvariantCulture));
            producer.Produce(topic, new() { Key = key, Value = [.. key, .. Filling] });
        }

        producer.Flush();
    }
}

/// <summary>The baseline: a consumer that calls the grains itself, up to a thousand at a time.</summary>
internal sealed class DirectCalls(string servers, string topic, IGrainFactory grains) : BackgroundService
{
    private const int AtATime = 1_000;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Run(() => ReadAsync(stoppingToken), stoppingToken);

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig
        {
            BootstrapServers = servers,
            GroupId = topic,
            AutoOffsetReset = AutoOffsetReset.Earliest,
        }).Build();
        consumer.Subscribe(topic);
        var calls = new List<Task>(AtATime);
        while (!cancellationToken.IsCancellationRequested)
        {
            var record = consumer.Consume(100);
            for (; record is not null; record = calls.Count < AtATime ? consumer.Consume(TimeSpan.Zero) : null)
            {
                calls.Add(grains.GetGrain<IColdGrain>(Encoding.UTF8.GetString(record.Message.Key)).TakeAsync(record.Message.Value));
            }

            await Task.WhenAll(calls);
            calls.Clear();
        }

        consumer.Close();
    }
}
