using System.Text.Json;
using EmoStream.Contracts;
using StackExchange.Redis;

namespace EmoStream.Timeline.Commit;

/// <summary>ARGV of <c>commit.lua</c>: every entry serialised once, straight to UTF-8, all into one pooled buffer.</summary>
internal readonly struct CommitArguments
{
    private const int Header = 13;
    private const int TypicalJsonLength = 768;

    private readonly PooledBuffer _json;

    private CommitArguments(RedisValue[] values, PooledBuffer json) => (Values, _json) = (values, json);

    public RedisValue[] Values { get; }

    /// <summary>
    /// Gives the buffer back. Only when the commit is answered: after a timeout the client may still send it, and what is
    /// not given back is the garbage collector's.
    /// </summary>
    public void Release() => _json.Return();

    public static CommitArguments Of(TimelineCommit commit, string channel)
    {
        var entries = commit.Entries;
        var count = Header + (entries.Count * 6) + (commit.Rows.Count * 2) + commit.DroppedRows.Count + (commit.Speakers.Count * 2);
        var values = new RedisValue[count];
        values[0] = commit.Epoch;
        values[1] = commit.PreviousChange;
        values[2] = commit.Change;
        values[3] = RedisKeys.OffsetPrefix + commit.Source;
        values[4] = commit.Offset;
        values[5] = commit.Grain;
        values[6] = channel;
        values[7] = values[8] = values[9] = entries.Count * 2;
        values[10] = commit.Rows.Count * 2;
        values[11] = commit.DroppedRows.Count;
        values[12] = commit.Speakers.Count * 2;

        var (json, buffer) = Serialize(commit);
        var at = Header;
        for (var i = 0; i < entries.Count; i++)
        {
            values[at++] = entries[i].UtteranceId;
            values[at++] = json[i];
        }

        foreach (var entry in entries)
        {
            values[at++] = entry.Sequence;
            values[at++] = entry.UtteranceId;
        }

        foreach (var entry in entries)
        {
            values[at++] = entry.Change;
            values[at++] = entry.UtteranceId;
        }

        foreach (var row in commit.Rows)
        {
            values[at++] = row.Key;
            values[at++] = row.Value;
        }

        foreach (var id in commit.DroppedRows)
        {
            values[at++] = id;
        }

        for (var i = 0; i < commit.Speakers.Count; i++)
        {
            values[at++] = commit.Speakers[i].SpeakerId;
            values[at++] = json[entries.Count + i];
        }

        return new(values, buffer);
    }

    /// <summary>The entries' and then the speakers' JSON, and where it lies.</summary>
    private static (ReadOnlyMemory<byte>[] Json, PooledBuffer Buffer) Serialize(TimelineCommit commit)
    {
        var ends = new int[commit.Entries.Count + commit.Speakers.Count];
        var buffer = new PooledBuffer((ends.Length + 1) * TypicalJsonLength);
        using var writer = new Utf8JsonWriter(buffer, TimelineJson.WriterOptions);
        var at = 0;
        foreach (var entry in commit.Entries)
        {
            JsonSerializer.Serialize(writer, entry, ContractsJson.Default.TimelineEntry);
            ends[at++] = Finish(writer, buffer);
        }

        foreach (var speaker in commit.Speakers)
        {
            JsonSerializer.Serialize(writer, speaker, ContractsJson.Default.SpeakerAggregate);
            ends[at++] = Finish(writer, buffer);
        }

        var json = new ReadOnlyMemory<byte>[ends.Length];
        for (var i = 0; i < json.Length; i++)
        {
            var start = i == 0 ? 0 : ends[i - 1];
            json[i] = buffer.Written[start..ends[i]];
        }

        return (json, buffer);
    }

    private static int Finish(Utf8JsonWriter writer, PooledBuffer buffer)
    {
        writer.Flush();
        writer.Reset();
        return buffer.Written.Length;
    }
}
