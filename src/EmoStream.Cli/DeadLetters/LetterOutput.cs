using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Spectre.Console;

namespace EmoStream.Cli.DeadLetters;

/// <summary>How the <c>dlq</c> commands show letters: a table for people, JSON for programs.</summary>
internal static class LetterOutput
{
    /// <summary>Without keys unless asked: they name conversations.</summary>
    public static void List(Terminal terminal, List<DeadLetter> letters, bool keys, bool json)
    {
        if (json)
        {
            terminal.Output.WriteLine(JsonSerializer.Serialize(letters.ConvertAll(letter => LetterJson.Of(letter, keys)), LetterJsonContext.Default.ListLetterJson));
            return;
        }

        if (letters.Count == 0)
        {
            terminal.Err.WriteLine("No letters.");
            return;
        }

        var table = new Table().Border(TableBorder.Rounded).AddColumns("Letter", "Record", "Time", "Reason", "Attempts", "Parked");
        if (keys)
        {
            table.AddColumn("Key");
        }

        foreach (var letter in letters)
        {
            List<string> row =
            [
                $"{letter.Place}",
                string.Create(CultureInfo.InvariantCulture, $"{letter.Topic}/{letter.SourcePartition}@{letter.SourceOffset}"),
                letter.SourceTime?.ToString("u", CultureInfo.InvariantCulture) ?? string.Create(CultureInfo.InvariantCulture, $"{letter.SourceTimestamp} ms"),
                Readable.Cut(letter.Reason, 80),
                letter.Attempts?.ToString(CultureInfo.InvariantCulture) ?? "",
                letter.Stream is null ? "" : "yes",
            ];
            if (keys)
            {
                row.Add(letter.Key);
            }

            table.AddRow(row.Select(cell => new Text(cell)));
        }

        terminal.Out.Write(table);
    }

    public static void Show(Terminal terminal, DeadLetter letter, bool json, bool withValue)
    {
        var value = withValue ? letter.Record.Message.Value : null;
        if (json)
        {
            var shown = LetterJson.Of(letter, withKey: true) with
            {
                Headers = letter.OwnHeaders.Select(header => new HeaderJson(header.Key, Utf8(header.GetValueBytes()))).ToList(),
                Value = value,
            };
            terminal.Output.WriteLine(JsonSerializer.Serialize(shown, LetterJsonContext.Default.LetterJson));
            return;
        }

        foreach (var header in letter.Record.Message.Headers ?? [])
        {
            Write($"{header.Key}: {Utf8(header.GetValueBytes())}");
        }

        Write($"key: {letter.Key}");
        if (value is not null)
        {
            Write("");
            Write(Encoding.UTF8.GetString(value));
        }

        // As it is for programs, but nothing in a record gives orders to a terminal.
        void Write(string text) => terminal.Output.WriteLine(terminal.Out.Profile.Out.IsTerminal ? ControlCharacters.Show(text) : text);
    }

    public static void Result(Terminal terminal, Redrive redrive, bool json)
    {
        if (json)
        {
            var result = new RedriveJson(redrive.Sent, redrive.Skipped, redrive.Done, redrive.Conversations, redrive.Problems);
            terminal.Output.WriteLine(JsonSerializer.Serialize(result, LetterJsonContext.Default.RedriveJson));
            return;
        }

        terminal.Err.MarkupLineInterpolated($"{Count(redrive.Sent, "record")} sent again, {redrive.Skipped} left out, {Count(redrive.Conversations, "parked conversation")} continued");
        if (redrive.Done > 0)
        {
            terminal.Err.MarkupLineInterpolated($"{Count(redrive.Done, "letter")} had been sent before, by a redrive that was interrupted or another one");
        }

        foreach (var problem in redrive.Problems)
        {
            terminal.Fail(problem);
        }
    }

    private static string Count(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");

    private static string Utf8(byte[]? bytes) => bytes is null ? "" : Encoding.UTF8.GetString(bytes);
}

/// <summary>One letter of <c>dlq list --json</c>; headers and value only in <c>dlq show --json</c>.</summary>
internal sealed record LetterJson(
    string Letter,
    string Topic,
    int Partition,
    long Offset,
    DateTimeOffset? Time,
    string Reason,
    int? Attempts,
    string? FailedWith,
    bool Parked,
    bool Truncated)
{
    public string? Key { get; init; }

    public IReadOnlyList<HeaderJson>? Headers { get; init; }

    public byte[]? Value { get; init; }

    public static LetterJson Of(DeadLetter letter, bool withKey) => new(
        $"{letter.Place}",
        letter.Topic,
        letter.SourcePartition,
        letter.SourceOffset,
        letter.SourceTime,
        letter.Reason,
        letter.Attempts,
        letter.FailedWith,
        letter.Stream is not null,
        letter.IsTruncated)
    {
        Key = withKey ? letter.Key : null,
    };
}

/// <summary>A header of the record; text, because headers nearly always are.</summary>
internal sealed record HeaderJson(string Name, string Value);

/// <summary>What <c>dlq redrive --json</c> prints.</summary>
internal sealed record RedriveJson(int Sent, int Skipped, int Done, int Conversations, IReadOnlyList<string> Problems);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(List<LetterJson>))]
[JsonSerializable(typeof(RedriveJson))]
internal sealed partial class LetterJsonContext : JsonSerializerContext;
