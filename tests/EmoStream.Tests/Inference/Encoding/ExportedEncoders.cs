using System.Diagnostics;
using EmoStream.Inference.Bundle;
using EmoStream.Testing;
using EmoStream.Testing.Processes;

namespace EmoStream.Tests.Inference.Encoding;

/// <summary>Bundles that src/training's <c>encoder</c> command makes of the reference encoders, once for all tests of a class.</summary>
public sealed class ExportedEncoders : IAsyncLifetime
{
    private static readonly string[] Candidates = ["/usr/bin/python3", Programs.Find("python3") ?? ""];
    private static readonly string[] Weights = ["float32", "int8"];
    private readonly string _root = Directory.CreateTempSubdirectory("emostream-encoders-").FullName;

    /// <summary>Why there are none; null where there are.</summary>
    public string? Unavailable { get; private set; }

    public static string? Reference(string family) => Checkout.Shared("data", "hf-encoders", family);

    public async ValueTask InitializeAsync()
    {
        var python = Candidates.FirstOrDefault(candidate => File.Exists(candidate) && RunAsync(candidate, "import torch, onnx").GetAwaiter().GetResult().Ok);
        Unavailable = FamilyBundle.Encoders.Keys.Any(family => Reference(family) is null) ? "needs ../shared/data/hf-encoders beside the checkout"
            : python is null ? "needs a python3 with torch and onnx"
            : null;
        if (Unavailable is null)
        {
            var commands = from family in FamilyBundle.Encoders.Keys
                           from weights in Weights
                           select $"main(['encoder', '--config', 'configs/meld.toml', '--encoder', r'{Reference(family)}', '--space', 'text/{family}@1', "
                               + $"'--weights', '{weights}', '--out', r'{At(family, weights)}'])";
            var (ok, output) = await RunAsync(python!, $"import sys; from emostream_training.__main__ import main; sys.exit(max([{string.Join(", ", commands)}]))");
            Assert.True(ok, output);
        }
    }

    /// <summary>The bundle of a family with its matrices as <c>float32</c> or <c>int8</c>.</summary>
    internal ModelBundle Load(string family, string weights)
    {
        Assert.SkipUnless(Unavailable is null, Unavailable ?? "");
        return ModelBundle.Load(At(family, weights));
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_root, recursive: true);
        return ValueTask.CompletedTask;
    }

    private string At(string family, string weights) => Path.Combine(_root, $"{family}-{weights}");

    private static async Task<(bool Ok, string Output)> RunAsync(string python, string script)
    {
        using var process = Process.Start(new ProcessStartInfo(python, ["-c", script])
        {
            WorkingDirectory = Checkout.At("src", "training"),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var outputs = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return (process.ExitCode == 0, string.Concat(outputs));
    }
}
