using System.CommandLine;
using EmoStream.Cli.Input;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Encoding;

namespace EmoStream.Cli.Features;

/// <summary><c>emostream features</c>: writes what training reads, made by the encoder that serves, so that the two cannot drift.</summary>
internal static class FeaturesCommand
{
    private const int LinesPerBatch = 256;

    public static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE") { Description = "JSONL of utterances" };
        var bundle = new Option<string?>("--bundle") { Description = "Bundle with the text encoder; it may lack a context model", HelpName = "DIR" };
        var output = new Option<string>("--out") { Description = "JSONL file to write", HelpName = "OUT", Required = true };
        var tokens = new Option<bool>("--tokens") { Description = "Write token ids (tokens) instead of descriptors (features.text)" };
        var command = new Command("features", "Write encoder features of a JSONL file, for training.") { file, bundle, output, tokens };
        command.UseHelp("""
            Examples:
              emostream features train.jsonl --bundle ./encoder --out train.features.jsonl
              emostream features train.jsonl --bundle ./encoder --out train.tokens.jsonl --tokens

            Environment:
              EmoStream__Bundle                 bundle directory where --bundle is not given; else the shipped one

            Every member of a line is kept; features.text (float16 values as decimal numbers) with its featureSpaces, or tokens is added.
            A line without words gets no features.text: serving takes no text from it either.
            """);
        command.Run(terminal, (parsed, cancellationToken) =>
        {
            Write(
                terminal,
                parsed.GetRequiredValue(file),
                ModelBundle.Load(ShippedFiles.Bundle(parsed.GetValue(bundle))),
                parsed.GetRequiredValue(output),
                parsed.GetValue(tokens),
                cancellationToken);
            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }

    private static void Write(Terminal terminal, string file, ModelBundle bundle, string output, bool tokens, CancellationToken cancellationToken)
    {
        var encode = Encoder(bundle, tokens, out var encoder);
        using var owner = encoder;
        OutputFiles.Check("--out", output, file);
        using var input = Utf8Lines.Open(file);
        OutputFiles.Write(output, stream =>
        {
            var writer = new FeatureLineWriter(stream, file, tokens ? null : bundle.Manifest.Modalities.First(m => m.Name == Contracts.Modality.Text).FeatureSpace);
            // In bytes: a pipe can be read once, so nobody counts its lines first.
            Progress.Run(terminal, "features", input.CanSeek ? input.Length : null, report =>
            {
                var read = 0L;
                foreach (var batch in FeatureLine.Read(file, input).Chunk(LinesPerBatch))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    writer.Write(batch, encode(Array.ConvertAll(batch, line => line.Text)));
                    if (input.CanSeek)
                    {
                        report((int)(input.Position - read));
                        read = input.Position;
                    }
                }
            });
        });
    }

    private static Func<string[], Array[]> Encoder(ModelBundle bundle, bool tokens, out TextEncoder? encoder)
    {
        encoder = null;
        if (tokens)
        {
            var tokenizer = new TextTokenizer(bundle);
            return texts => Array.ConvertAll(texts, text => (Array)tokenizer.Encode(text));
        }

        var created = new TextEncoder(bundle, new InferenceOptions { Threads = Environment.ProcessorCount });
        encoder = created;
        return texts => Array.ConvertAll(created.Encode(texts), bytes =>
        {
            var values = new float[bytes.Length / Descriptor.SizeOf(1)];
            Descriptor.Unpack(bytes, values);
            return (Array)values;
        });
    }
}
