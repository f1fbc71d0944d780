using System.Text.Json;
using EmoStream.Cli.Input;

namespace EmoStream.Cli.Features;

/// <summary>A line to which features are added.</summary>
/// <param name="Root">The line as it is.</param>
/// <param name="Text">What is encoded; blank where nothing was said, which serving takes for an utterance without text.</param>
internal readonly record struct FeatureLine(JsonElement Root, string Text)
{
    /// <summary>Reads a JSONL file.</summary>
    /// <exception cref="InputException">A line is no JSON object, or its text is no string: a training set with holes is worse than none.</exception>
    public static IEnumerable<FeatureLine> Read(string path)
    {
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return Parse(path, line, number);
            }
        }
    }

    private static FeatureLine Parse(string path, string line, int number)
    {
        try
        {
            var root = JsonElement.Parse(line);
            if (root.ValueKind != JsonValueKind.Object)
            {
                throw new InputException($"{path} line {number}: expected a JSON object");
            }

            var hasText = root.TryGetProperty("text", out var text) && text.ValueKind != JsonValueKind.Null;
            if (hasText && text.ValueKind != JsonValueKind.String)
            {
                throw new InputException($"{path} line {number}: text must be a string");
            }

            if (root.TryGetProperty("features", out var features) && features.ValueKind != JsonValueKind.Object)
            {
                throw new InputException($"{path} line {number}: features must be an object");
            }

            return new FeatureLine(root, hasText ? text.GetString()! : "");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputException($"{path} line {number}: not JSON", e);
        }
    }
}

/// <summary>Writes lines with their features added.</summary>
/// <param name="stream">Where they go.</param>
/// <param name="space">The feature space of the descriptors; null: token ids are written.</param>
internal sealed class FeatureLineWriter(Stream stream, string? space)
{
    public void Write(ReadOnlySpan<FeatureLine> lines, ReadOnlySpan<Array> encoded)
    {
        for (var i = 0; i < lines.Length; i++)
        {
            using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            {
                WriteLine(writer, lines[i], encoded[i]);
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
