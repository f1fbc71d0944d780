using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;

namespace EmoStream.Benchmarks.Load;

/// <summary>The utterances of one run, serialised before the clock starts; the same seed gives the same ones.</summary>
internal sealed class Workload
{
    private static readonly string[] Words =
        "we should really look at this again because the numbers from last week were not what anybody expected and I am so happy that it works now please do not worry about the budget it is terrible news but thank you for telling me what happened on friday".Split(' ');

    private Workload(byte[][] keys, byte[][] values, int[] conversationOf, int[] changeOf) =>
        (Keys, Values, ConversationOf, ChangeOf) = (keys, values, conversationOf, changeOf);

    /// <summary>Conversation ids in UTF-8, by conversation.</summary>
    public byte[][] Keys { get; }

    /// <summary>Event JSON, by utterance.</summary>
    public byte[][] Values { get; }

    /// <summary>The conversation of each utterance.</summary>
    public int[] ConversationOf { get; }

    /// <summary>The change number that an utterance's entry gets: its place in its conversation, from 1.</summary>
    public int[] ChangeOf { get; }

    /// <summary>Conversations are drawn at random; utterances number up within each.</summary>
    public static Workload Create(string prefix, int utterances, int conversations, int minWords, int maxWords, int seed)
    {
        var random = new Random(seed);
        var said = new int[conversations];
        var (values, conversationOf, changeOf) = (new byte[utterances][], new int[utterances], new int[utterances]);
        for (var i = 0; i < utterances; i++)
        {
            var c = random.Next(conversations);
            var u = said[c]++;
            values[i] = JsonSerializer.SerializeToUtf8Bytes(new UtteranceEvent
            {
                ConversationId = $"{prefix}-{c}",
                UtteranceId = $"u{u}",
                Speaker = new($"s{random.Next(4)}", "participant"),
                StartMs = u * 3000L,
                EndMs = u * 3000L + 2500,
                Text = string.Join(' ', Enumerable.Range(0, random.Next(minWords, maxWords + 1)).Select(_ => Words[random.Next(Words.Length)])),
            }, ContractsJson.Default.UtteranceEvent);
            (conversationOf[i], changeOf[i]) = (c, u + 1);
        }

        return new([.. Enumerable.Range(0, conversations).Select(c => System.Text.Encoding.UTF8.GetBytes($"{prefix}-{c}"))], values, conversationOf, changeOf);
    }
}
