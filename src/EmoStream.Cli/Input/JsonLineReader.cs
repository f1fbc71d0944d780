using System.Text;
using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;

namespace EmoStream.Cli.Input;

/// <summary>
/// Reads one line of JSONL in either form:
/// <code>
/// {"conversationId":"c","utteranceId":"u1","kind":"utterance","speaker":{"id":"s1"},"startMs":0,"text":"Hi."}      event
/// {"conversationId":"c","utteranceId":"u1","index":0,"speaker":"Ana","startMs":null,"endMs":null,"text":"Hi.",
///  "label":"joy","features":{"face":[0.1]}}                                                                        dataset
/// </code>
/// A line is a dataset line when its speaker is a string.
/// </summary>
internal static class JsonLineReader
{
    public static InputLine Read(int number, string line, IReadOnlyDictionary<string, string>? featureSpaces)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return InputLine.Bad(number, "not-an-event: expected a JSON object");
            }

            return root.TryGetProperty("speaker", out var speaker) && speaker.ValueKind == JsonValueKind.String
                ? ReadDataset(number, root, speaker.GetString()!, featureSpaces)
                : ReadEvent(number, line, root);
        }
        catch (JsonException e)
        {
            return InputLine.Bad(number, FormattableString.Invariant($"not-json: invalid at byte {e.BytePositionInLine}"));
        }
        catch (FormatException e)
        {
            return InputLine.Bad(number, e.Message);
        }
        catch (InvalidOperationException)
        {
            return InputLine.Bad(number, "not-json: a string is not valid UTF-16");
        }
    }

    private static InputLine ReadEvent(int number, string line, JsonElement root)
    {
        var e = UtteranceEventReader.TryRead(Encoding.UTF8.GetBytes(line), contentType: null, out var error);
        // Of several lines only in a record: here the position is the byte.
        return e is null ? InputLine.Bad(number, error!.Replace(" line 0,", "", StringComparison.Ordinal)) : new InputLine(number, e, String(root, "label"), null);
    }

    private static InputLine ReadDataset(int number, JsonElement root, string speaker, IReadOnlyDictionary<string, string>? featureSpaces)
    {
        var e = new UtteranceEvent
        {
            ConversationId = String(root, "conversationId") ?? "",
            UtteranceId = String(root, "utteranceId") ?? "",
            Kind = UtteranceKind.Utterance,
            Speaker = new Speaker(speaker, DisplayName: speaker),
            StartMs = Milliseconds(root, "startMs"),
            EndMs = Milliseconds(root, "endMs"),
            Text = String(root, "text"),
            Audio = Features(root, Modality.Audio, featureSpaces),
            Face = Features(root, Modality.Face, featureSpaces),
            Body = Features(root, Modality.Body, featureSpaces),
        };
        return new InputLine(number, e, String(root, "label"), null, Features(root, Modality.Text, featureSpaces)?.Features);
    }

    private static string? String(JsonElement root, string member)
    {
        if (!root.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw new FormatException($"wrong-type: {member} must be a string");
    }

    private static long? Milliseconds(JsonElement root, string member)
    {
        if (!root.TryGetProperty(member, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var ms) && Math.Abs(ms) < long.MaxValue / 2
            ? (long)Math.Round(ms)
            : throw new FormatException($"wrong-type: {member} must be a number of milliseconds or null");
    }

    private static ModalityInput? Features(JsonElement root, string modality, IReadOnlyDictionary<string, string>? spaces)
    {
        if (spaces is null
            || !spaces.TryGetValue(modality, out var space)
            || !root.TryGetProperty("features", out var features)
            || features.ValueKind != JsonValueKind.Object
            || !features.TryGetProperty(modality, out var vector)
            || vector.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (vector.ValueKind != JsonValueKind.Array)
        {
            throw new FormatException($"wrong-type: features.{modality} must be an array of numbers");
        }

        var values = new float[vector.GetArrayLength()];
        for (var i = 0; i < values.Length; i++)
        {
            if (vector[i].ValueKind != JsonValueKind.Number)
            {
                throw new FormatException($"wrong-type: features.{modality}[{i}] must be a number");
            }

            values[i] = vector[i].GetSingle();
        }

        return new ModalityInput { Features = new FeatureVector(space, values) };
    }
}
