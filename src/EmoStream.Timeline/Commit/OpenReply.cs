using System.Globalization;
using EmoStream.Contracts.Timeline;
using StackExchange.Redis;

namespace EmoStream.Timeline.Commit;

/// <summary>Reads the reply of <c>open.lua</c>.</summary>
internal static class OpenReply
{
    public static ConversationState Read(RedisResult[] reply)
    {
        long epoch = 0;
        long change = 0;
        ReadOnlyMemory<byte> grain = default;
        var offsets = new Dictionary<string, long>(StringComparer.Ordinal);
        var state = (RedisValue[])reply[0]!;
        for (var i = 0; i < state.Length; i += 2)
        {
            var field = (string)state[i]!;
            var value = state[i + 1];
            switch (field)
            {
                case RedisKeys.Epoch:
                    epoch = (long)value;
                    break;
                case RedisKeys.Change:
                    change = (long)value;
                    break;
                case RedisKeys.Grain:
                    grain = (byte[])value!;
                    break;
                default:
                    if (field.StartsWith(RedisKeys.OffsetPrefix, StringComparison.Ordinal))
                    {
                        offsets.Add(field[RedisKeys.OffsetPrefix.Length..], long.Parse((string)value!, CultureInfo.InvariantCulture));
                    }

                    break;
            }
        }

        var context = (RedisValue[])reply[1]!;
        var contextEntries = (RedisValue[])reply[2]!;
        var rows = new Dictionary<string, byte[]>(contextEntries.Length, StringComparer.Ordinal);
        var entries = new Dictionary<string, TimelineEntry>(contextEntries.Length, StringComparer.Ordinal);
        for (var i = 0; i < contextEntries.Length; i++)
        {
            var id = (string)context[2 * i]!;
            rows.Add(id, (byte[])context[(2 * i) + 1]!);
            if (!contextEntries[i].IsNull)
            {
                entries.Add(id, TimelineJson.ReadEntry(contextEntries[i]));
            }
        }

        return new ConversationState
        {
            Epoch = epoch,
            Change = change,
            Offsets = offsets,
            Grain = grain,
            Rows = rows,
            Entries = entries,
            UtteranceIds = Array.ConvertAll((RedisValue[])reply[3]!, id => (string)id!),
            Speakers = Array.ConvertAll((RedisValue[])reply[4]!, TimelineJson.ReadSpeaker)
                .ToDictionary(speaker => speaker.SpeakerId, StringComparer.Ordinal),
        };
    }
}
