using System.Text.Json;
using EmoStream.Cli.Input;

namespace EmoStream.Cli.Features;

/// <summary>A line to which features are added.</summary>
/// <param name="Number">Line number in the file, from 1.</param>
/// <param name="Root">The line as it is.</param>
/// <param name="Text">What is encoded; blank where nothing was said, which serving takes for an utterance without text.</param>
internal readonly record struct FeatureLine(int Number, JsonElement Root, string Text)
{
    /// <summary>What a lone surrogate is, which JSON can write and no text can be.</summary>
    public const string NotUtf16 = "not JSON: a string is not valid UTF-16";

    /// <summary>Reads a JSONL file that <see cref="Utf8Lines.Open"/> opened.</summary>
    /// <exception cref="InputException">A line is no JSON object, or its text is no string: a training set with holes is worse than none.</exception>
    public static IEnumerable<FeatureLine> Read(string path, Stream stream)
        => Utf8Lines.Read(path, stream).Select(line => Parse(path, line.Text ?? throw Bad(path, line.Number, "not valid UTF-8"), line.Number));

    /// <summary>The complaint about a line.</summary>
    public static InputException Bad(string path, int number, string reason, Exception? inner = null) => new($"{path} line {number}: {reason}", inner);

    private static FeatureLine Parse(string path, string line, int number)
    {
        try
        {
            var root = JsonElement.Parse(line);
            if (root.ValueKind != JsonValueKind.Object)
            {
                throw Bad(path, number, "expected a JSON object");
            }

            var hasText = root.TryGetProperty("text", out var text) && text.ValueKind != JsonValueKind.Null;
            if (hasText && text.ValueKind != JsonValueKind.String)
            {
                throw Bad(path, number, "text must be a string");
            }

            if (root.TryGetProperty("features", out var features) && features.ValueKind is not (JsonValueKind.Object or JsonValueKind.Null))
            {
                throw Bad(path, number, "features must be an object");
            }

            return new FeatureLine(number, root, hasText ? text.GetString()! : "");
        }
        catch (JsonException e)
        {
            throw Bad(path, number, "not JSON", e);
        }
        catch (InvalidOperationException e)
        {
            throw Bad(path, number, NotUtf16, e);
        }
    }
}

/// <summary>Writes lines with their features added.</summary>
/// <param name="stream">Where they go.</param>
/// <param name="path">Where they come from, for complaints.</param>
/// <param name="space">The feature space of the descriptors; null: token ids are written.</param>
internal sealed class FeatureLineWriter(Stream stream, string path, string? space)
{
    /// <exception cref="InputException">A line has a string that no text can be.</exception>
    public void Write(ReadOnlySpan<FeatureLine> lines, ReadOnlySpan<Array> encoded)
    {
        for (var i = 0; i < lines.Length; i++)
        {
            try
            {
                using var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
                WriteLine(writer, lines[i], encoded[i]);
            }
            catch (InvalidOperationException e)
            {
                throw FeatureLine.Bad(path, lines[i].Number, FeatureLine.NotUtf16, e);
            }

            stream.WriteByte((byte)'\n');
        }
    }

    private void WriteLine(Utf8JsonWriter writer, FeatureLine line, Array encoded)
    {
        var root = line.Root;
        writer.WriteStartObject();
        foreach (var member in root.EnumerateObject())
        {
            if (!(space is null ? member.NameEquals("tokens") : member.NameEquals("features") || member.NameEquals("featureSpaces")))
            {
                member.WriteTo(writer);
            }
        }

        if (space is null)
        {
            writer.WritePropertyName("tokens");
            WriteArray(writer, encoded);
        }
        else
        {
            var hasText = !string.IsNullOrWhiteSpace(line.Text);
            StartWithOthers(writer, root, "features");
            if (hasText)
            {
                writer.WritePropertyName("text");
                WriteArray(writer, encoded);
            }

            writer.WriteEndObject();
            // Vectors of two spaces may have the same length: training must be able to tell.
            StartWithOthers(writer, root, "featureSpaces");
            if (hasText)
            {
                writer.WriteString("text", space);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    /// <summary>Begins an object by modality with what the line has of other modalities than text.</summary>
    private static void StartWithOthers(Utf8JsonWriter writer, JsonElement root, string name)
    {
        writer.WriteStartObject(name);
        if (root.TryGetProperty(name, out var members) && members.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in members.EnumerateObject().Where(member => !member.NameEquals("text")))
            {
                member.WriteTo(writer);
            }
        }
    }

    private static void WriteArray(Utf8JsonWriter writer, Array values)
    {
        writer.WriteStartArray();
        if (values is float[] floats)
        {
            foreach (var value in floats)
            {
                writer.WriteNumberValue(value);
            }
        }
        else
        {
            foreach (var value in (int[])values)
            {
                writer.WriteNumberValue(value);
            }
        }

        writer.WriteEndArray();
    }
}
