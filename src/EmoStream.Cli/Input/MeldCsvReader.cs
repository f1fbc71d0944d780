using System.Globalization;
using CsvHelper;
using EmoStream.Contracts.Events;

namespace EmoStream.Cli.Input;

/// <summary>
/// Reads the CSV files that MELD is published as:
/// <code>
/// Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime
/// 1,"Oh my God, he’s lost it.",Phoebe,sadness,negative,0,0,4,7,"00:20:57,256","00:21:00,049"
/// </code>
/// dev_sent_emo.csv gives the conversations meld-dev-0, meld-dev-1, ... with the utterances dev_dia0_utt0, ...
/// </summary>
internal static class MeldCsvReader
{
    private static readonly string[] Columns = ["Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "StartTime", "EndTime"];

    public static IEnumerable<InputLine> Read(string path)
    {
        var split = Path.GetFileNameWithoutExtension(path);
        split = split.EndsWith("_sent_emo", StringComparison.OrdinalIgnoreCase) ? split[..^"_sent_emo".Length] : split;
        // Separator is set: a first row full of semicolons must not talk the reader out of commas.
        var options = new CsvReaderOptions { Separator = ',', TrimWhitespace = true, TrackLineNumbers = true };
        using var csv = CsvReader.Create(InputException.Guard(path, () => Windows1252.Open(path)), options);
        csv.ReadHeader();
        var missing = Columns.Except(csv.Headers).ToList();
        if (missing.Count > 0)
        {
            throw new InputException($"{path}: column {string.Join(", ", missing)} is missing; expected MELD's header line.");
        }

        while (csv.Read())
        {
            yield return ReadRow(csv, checked((int)csv.LineNumber), split);
        }
    }

    private static InputLine ReadRow(CsvReader csv, int line, string split)
    {
        if (csv.FieldCount < csv.Headers.Count)
        {
            return InputLine.Bad(line, $"missing-field: expected {csv.Headers.Count} columns, found {csv.FieldCount}");
        }

        if (!Number(csv, "Dialogue_ID", out var dialogue))
        {
            return InputLine.Bad(line, "wrong-type: Dialogue_ID must be a number");
        }

        if (!Number(csv, "Utterance_ID", out var utterance))
        {
            return InputLine.Bad(line, "wrong-type: Utterance_ID must be a number");
        }

        if (!Time(csv, "StartTime", out var start))
        {
            return InputLine.Bad(line, "wrong-type: StartTime must look like 00:16:16,059");
        }

        if (!Time(csv, "EndTime", out var end))
        {
            return InputLine.Bad(line, "wrong-type: EndTime must look like 00:16:16,059");
        }

        var speaker = Windows1252.Repair(csv.GetString("Speaker"));
        var e = new UtteranceEvent
        {
            ConversationId = Invariant($"meld-{split}-{dialogue}"),
            UtteranceId = Invariant($"{split}_dia{dialogue}_utt{utterance}"),
            Kind = UtteranceKind.Utterance,
            Speaker = new Speaker(speaker, DisplayName: speaker),
            StartMs = start,
            EndMs = end,
            Text = Windows1252.Repair(csv.GetString("Utterance")),
        };
        return new InputLine(line, e, csv.GetString("Emotion"), null);
    }

    private static bool Number(CsvReader csv, string column, out int value)
        => int.TryParse(csv.GetString(column), NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static bool Time(CsvReader csv, string column, out long milliseconds)
    {
        var valid = TimeSpan.TryParseExact(
            csv.GetString(column),
            [@"hh\:mm\:ss\,fff", @"h\:mm\:ss\,fff", @"hh\:mm\:ss\.fff", @"h\:mm\:ss\.fff"],
            CultureInfo.InvariantCulture,
            out var time);
        milliseconds = (long)time.TotalMilliseconds;
        return valid;
    }

    private static string Invariant(FormattableString s) => FormattableString.Invariant(s);
}
