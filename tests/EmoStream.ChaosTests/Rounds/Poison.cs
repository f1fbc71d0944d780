using System.Text.Json;
using Confluent.Kafka;
using EmoStream.Cli;
using StackExchange.Redis;

namespace EmoStream.ChaosTests.Rounds;

/// <summary>
/// Conversations that no grain can take, because their state in Redis is none: they are given up, parked, and sent again by
/// <c>emostream dlq redrive</c> when their state is back. What Redis loses meanwhile may bring back one or the other.
/// </summary>
internal sealed class Poison(string kafka, string deadLetterTopic, string parkingTopic, Func<string> redis)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private const string Aside = ":aside";
    private const string IllScript = "if redis.call('type', KEYS[1]).ok == 'hash' then redis.call('rename', KEYS[1], KEYS[2]); redis.call('set', KEYS[1], 'not a hash') end";
    private const string WellScript = "if redis.call('exists', KEYS[2]) == 1 then redis.call('rename', KEYS[2], KEYS[1]) end";

    private readonly HashSet<string> _conversations = [];

    /// <summary>Whether there ever was one.</summary>
    public bool IsUsed => _conversations.Count > 0;

    /// <summary>Takes a conversation's state away, if it has one.</summary>
    public Task InflictAsync(string conversation)
    {
        _conversations.Add(conversation);
        return RunAsync(IllScript, [conversation]);
    }

    /// <summary>Puts back whatever is away.</summary>
    public Task CureAsync() => RunAsync(WellScript, _conversations);

    /// <summary>The conversations that have letters which nobody has sent again; null: no answer.</summary>
    /// <exception cref="InvalidOperationException">One of them was never ill.</exception>
    public async Task<HashSet<string>?> ParkedAsync()
    {
        var (status, output) = await DlqAsync("list", "--json", "--keys");
        if (status != ExitCode.Ok) return null;
        HashSet<string> parked = [.. JsonDocument.Parse(output).RootElement.EnumerateArray().Select(letter => letter.GetProperty("key").GetString()!)];
        return parked.IsSubsetOf(_conversations)
            ? parked
            : throw new InvalidOperationException($"Dead letters of conversations that nothing ailed: {string.Join(", ", parked.Except(_conversations))}.");
    }

    /// <summary>Sends every letter again.</summary>
    /// <returns>Whether all of their conversations go on.</returns>
    public async Task<bool> RedriveAsync() => (await DlqAsync("redrive", "--all", "--timeout", "20", "--json")).Status == ExitCode.Ok;

    /// <summary>The conversations that are parked by what the silos say; all of them must have letters.</summary>
    public HashSet<string> Stated()
    {
        var states = new Dictionary<string, bool>();
        var config = new ConsumerConfig { BootstrapServers = kafka, GroupId = "poison", EnablePartitionEof = true, AutoOffsetReset = AutoOffsetReset.Error };
        using var consumer = new ConsumerBuilder<string, byte[]?>(config).Build();
        consumer.Assign(new TopicPartitionOffset(parkingTopic, 0, Offset.Beginning));
        while (true)
        {
            var record = consumer.Consume(Patience) ?? throw new TimeoutException("The parking topic is not read.");
            if (record.IsPartitionEOF) return [.. states.Where(state => !state.Value).Select(state => state.Key)];
            states[record.Message.Key] = record.Message.Value is null || JsonDocument.Parse(record.Message.Value).RootElement.GetProperty("ended").GetBoolean();
        }
    }

    private async Task<(int Status, string Output)> DlqAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var status = await Task.Run(() => CommandTree.RunAsync(["dlq", .. args, "--kafka", kafka, "--topic", deadLetterTopic], output, error));
        return (status, output.ToString());
    }

    private async Task RunAsync(string script, IEnumerable<string> conversations)
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis());
        foreach (var conversation in conversations)
        {
            var state = $"emostream:{{{conversation}}}:state";
            await connection.GetDatabase().ScriptEvaluateAsync(script, [state, state + Aside]);
        }
    }
}
