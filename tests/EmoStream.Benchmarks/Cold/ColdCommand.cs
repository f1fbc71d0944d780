using System.CommandLine;
using System.Diagnostics;
using System.Net;
using EmoStream.Benchmarks.Load;
using EmoStream.Streaming.Kafka;
using EmoStream.Testing.Kafka;
using EmoStream.Testing.Processes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Spectre.Console;

namespace EmoStream.Benchmarks.Cold;

/// <summary>
/// The worst case of a stream provider: every record opens a new stream, so every delivery activates a grain. From the first
/// record produced to the last one taken by its grain, beside the same records read by a loop that calls such grains itself.
/// </summary>
internal static class ColdCommand
{
    private const int Partitions = 8;
    // Enough for the code to be compiled as it is in a silo that has run for a while.
    private const int Warm = 20_000;

    public static Command Create()
    {
        var events = Bench.Positive("--events", "Records per run, each of a new stream.", 100_000);
        var rounds = Bench.Positive("--rounds", "Runs of each system, interleaved.", 3);
        var command = new Command("cold", "Events per second where every event opens a new stream, beside direct grain calls. Build with -c Release.") { events, rounds };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (KafkaBroker.Unavailable is { } missing)
            {
                await Console.Error.WriteLineAsync($"cold needs a real Kafka: {missing}");
                return 1;
            }

            await using var kafka = await KafkaBroker.StartAsync(cancellationToken: cancellationToken);
            var table = new Table().AddColumns("round", "Kafka streams, events/s", "grain calls, events/s", "ratio");
            for (var round = 0; round < parsed.GetValue(rounds); round++)
            {
                var perSecond = new Dictionary<bool, double>();
                // The order alternates: neither system always runs on the warmer machine.
                foreach (var streams in round % 2 == 0 ? (bool[])[true, false] : [false, true])
                {
                    var topic = $"cold-{round}-{(streams ? "streams" : "calls")}";
                    await kafka.CreateTopicAsync(topic, Partitions);
                    await kafka.CreateTopicAsync(topic + ".dlq", 1);
                    perSecond[streams] = await RunAsync(kafka.BootstrapServers, topic, parsed.GetValue(events), streams, cancellationToken);
                    await Console.Error.WriteLineAsync($"round {round + 1}: {(streams ? "Kafka streams" : "grain calls")} {Bench.Text(perSecond[streams], 0)}/s");
                }

                table.AddRow($"{round + 1}", Bench.Text(perSecond[true], 0), Bench.Text(perSecond[false], 0), Bench.Text(perSecond[true] / perSecond[false], 2));
            }

            AnsiConsole.Write(table);
            return 0;
        });
        return command;
    }

    private static async Task<double> RunAsync(string servers, string topic, int events, bool streams, CancellationToken cancellationToken)
    {
        var port = FreePorts.Take(2);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(new ColdCount(Warm + events));
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(port, port + 1, new IPEndPoint(IPAddress.Loopback, port), topic, topic);
            if (!streams) return;
            silo.AddKafkaStreams("Kafka", kafka => kafka.UseDataAdapter<ColdAdapter>().Configure(options =>
            {
                options.BootstrapServers = servers;
                options.Topic = topic;
            }));
        });
        if (!streams) builder.Services.AddHostedService(services => new DirectCalls(servers, topic, services.GetRequiredService<IGrainFactory>()));
        using var host = builder.Build();
        await host.StartAsync(cancellationToken);
        try
        {
            return await MeasureAsync(host.Services.GetRequiredService<ColdCount>(), servers, topic, events, cancellationToken);
        }
        finally
        {
            await host.StopAsync(CancellationToken.None);
        }
    }

    private static async Task<double> MeasureAsync(ColdCount count, string servers, string topic, int events, CancellationToken cancellationToken)
    {
        await Task.Run(() => ColdRecords.Produce(servers, topic, 0, Warm), cancellationToken);
        await count.Until(Warm).WaitAsync(cancellationToken);

        var started = Stopwatch.GetTimestamp();
        var all = count.Until(Warm + events);
        await Task.Run(() => ColdRecords.Produce(servers, topic, Warm, events), cancellationToken);
        await all.WaitAsync(cancellationToken);
        return events / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}

/// <summary>Counts events, each once.</summary>
internal sealed class ColdCount(int events)
{
    private readonly int[] _taken = new int[events];
    private int _count;
    private volatile Wait? _wait;

    public void Take(int number)
    {
        if (Interlocked.Exchange(ref _taken[number], 1) == 1) return;
        var count = Interlocked.Increment(ref _count);
        if (_wait is { } wait && count >= wait.Count) wait.Met.TrySetResult();
    }

    /// <summary>All events up to this number of them; armed before they are sent or while they arrive.</summary>
    public Task Until(int count)
    {
        var wait = _wait = new(count, new(TaskCreationOptions.RunContinuationsAsynchronously));
        if (Volatile.Read(ref _count) >= count) wait.Met.TrySetResult();
        return wait.Met.Task;
    }

    private sealed record Wait(int Count, TaskCompletionSource Met);
}
