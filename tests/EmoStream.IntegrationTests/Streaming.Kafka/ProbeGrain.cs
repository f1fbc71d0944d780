using System.Collections.Concurrent;
using System.Text;
using EmoStream.Streaming.Kafka;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace EmoStream.IntegrationTests.Streaming.Kafka;

/// <summary>A grain per stream that hands every delivery to the test's <see cref="Probe"/>.</summary>
[ImplicitStreamSubscription(ProbeAdapter.Namespace)]
public sealed class ProbeGrain(Probe probe, ILocalSiloDetails silo, [FromKeyedServices("Kafka")] KafkaRewind rewind) : Grain, IGrainWithStringKey, IStreamSubscriptionObserver, IAsyncBatchObserver<string>
{
    public override Task OnActivateAsync(CancellationToken cancellationToken) => probe.Activating(this.GetPrimaryKeyString());

    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) => handleFactory.Create<string>().ResumeAsync(this);

    public async Task OnNextAsync(IList<SequentialItem<string>> items)
    {
        probe.SiloOf[this.GetPrimaryKeyString()] = silo.Name;
        await probe.Rewinds(rewind, this.GetPrimaryKeyString(), items);
        await probe.DeliverAsync(this.GetPrimaryKeyString(), items);
    }

    public Task OnErrorAsync(Exception ex)
    {
        probe.Failed();
        return Task.CompletedTask;
    }
}

/// <summary>What the grains of one test got, and what the test makes them do.</summary>
public sealed class Probe
{
    private readonly Lock _lock = new();
    private readonly HashSet<(string Stream, string Value)> _distinct = [];
    private readonly List<(Func<Probe, bool> Condition, TaskCompletionSource Met)> _waits = [];

    /// <summary>Runs before a delivery counts; what it throws goes back to the provider.</summary>
    public Func<string, IList<SequentialItem<string>>, Task> Before { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>Runs before that, with what the grain's own silo goes back by.</summary>
    public Func<KafkaRewind, string, IList<SequentialItem<string>>, Task> Rewinds { get; set; } = (_, _, _) => Task.CompletedTask;

    /// <summary>Runs when a grain activates.</summary>
    public Func<string, Task> Activating { get; set; } = _ => Task.CompletedTask;

    /// <summary>Events by stream, in the order they were taken.</summary>
    public ConcurrentDictionary<string, List<(string Value, long Offset)>> Taken { get; } = new();

    /// <summary>Where each stream was delivered to last.</summary>
    public ConcurrentDictionary<string, string> SiloOf { get; } = new();

    /// <summary>The token sources that were met.</summary>
    public ConcurrentDictionary<string, bool> Sources { get; } = new();

    public int Count { get; private set; }

    /// <summary>Events without those that came again.</summary>
    public int Distinct => _distinct.Count;

    public int Deliveries { get; private set; }

    public int Attempts { get; private set; }

    /// <summary>Rounds of attempts that Orleans gave up.</summary>
    public int Errors { get; private set; }

    public void Failed() => Change(() => Errors++);

    public async Task DeliverAsync(string stream, IList<SequentialItem<string>> items)
    {
        Change(() => Attempts++);
        await Before(stream, items);
        Change(() =>
        {
            var taken = Taken.GetOrAdd(stream, _ => []);
            foreach (var item in items)
            {
                var token = (KafkaSequenceToken)item.Token;
                taken.Add((item.Item, token.Offset));
                _distinct.Add((stream, item.Item));
                Sources[token.Source] = true;
            }
            Count += items.Count;
            Deliveries++;
        });
    }

    /// <summary>Armed at once, met when the condition holds after some change; fails after the tests' shared timeout.</summary>
    public async Task Until(Func<Probe, bool> condition)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Change(() => _waits.Add((condition, met)));
        try
        {
            await met.Task.WaitAsync(EmoStream.Testing.Eventually.Timeout, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The grains have taken {Count} events in {Deliveries} deliveries ({Attempts} attempts) of {Taken.Count} streams.");
        }
    }

    public List<string> ValuesOf(string stream)
    {
        lock (_lock)
        {
            return Taken.TryGetValue(stream, out var taken) ? [.. taken.Select(t => t.Value)] : [];
        }
    }

    /// <summary>
    /// Whether all that is expected has come again in its order since so many events of the stream were taken. What has come
    /// again may be repeated, before anything is missing or later; it never is before something that is missing.
    /// </summary>
    public bool CameAgain(string stream, int since, IReadOnlyList<long> expected)
    {
        lock (_lock)
        {
            var offsets = Taken[stream].Skip(since).Select(t => t.Offset).ToList();
            for (var start = offsets.IndexOf(expected[0]); start >= 0; start = offsets.IndexOf(expected[0], start + 1))
            {
                var next = 0;
                foreach (var offset in offsets.Skip(start))
                {
                    if (next == expected.Count || offset < expected[next])
                    {
                        continue;
                    }
                    if (offset > expected[next])
                    {
                        next = 0;
                        break;
                    }
                    next++;
                }
                if (next == expected.Count)
                {
                    return true;
                }
            }
            return false;
        }
    }

    private void Change(Action change)
    {
        lock (_lock)
        {
            change();
            for (var i = _waits.Count - 1; i >= 0; i--)
            {
                if (_waits[i].Condition(this))
                {
                    _waits[i].Met.TrySetResult();
                    _waits.RemoveAt(i);
                }
            }
        }
    }
}

/// <summary>Values are the events; <c>bad:...</c> is rejected, <c>throw</c> makes the decoder throw.</summary>
public sealed class ProbeAdapter : KafkaDataAdapter
{
    public const string Namespace = "probe";

    public override KafkaDecoded Decode(in KafkaRecord record)
    {
        var text = Encoding.UTF8.GetString(record.Value.Span);
        if (text == "throw")
        {
            throw new InvalidOperationException("a decoder with a bug");
        }
        return text.StartsWith("bad:", StringComparison.Ordinal)
            ? KafkaDecoded.Reject($"not good: {text[4..]}")
            : KafkaDecoded.Accept(StreamId.Create(Namespace, Encoding.UTF8.GetString(record.Key.Span)), text);
    }

    public override KafkaOutgoing Encode(StreamId streamId, object streamEvent) =>
        new(streamId.Key.ToArray(), Encoding.UTF8.GetBytes((string)streamEvent));
}
