using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using EmoStream.Contracts;
using EmoStream.Contracts.Timeline;
using StackExchange.Redis;

namespace EmoStream.Timeline;

/// <summary>Entries and aggregates as they lie in Redis: UTF-8 JSON, the same shape that programs get over HTTP.</summary>
internal static class TimelineJson
{
    // Text of any language stays as it is instead of becoming \uXXXX, three times as long; what HTML minds is still escaped.
    public static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.Create(UnicodeRanges.All),
        SkipValidation = true,
    };

    public static TimelineEntry ReadEntry(RedisValue json) =>
        JsonSerializer.Deserialize(((ReadOnlyMemory<byte>)json).Span, ContractsJson.Default.TimelineEntry)!;

    public static SpeakerAggregate ReadSpeaker(RedisValue json) =>
        JsonSerializer.Deserialize(((ReadOnlyMemory<byte>)json).Span, ContractsJson.Default.SpeakerAggregate)!;
}
