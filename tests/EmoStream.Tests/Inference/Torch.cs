using System.Diagnostics;
using EmoStream.Testing;
using EmoStream.Testing.Processes;

namespace EmoStream.Tests.Inference;

/// <summary>A Python that can run the training code, for tests that compare with PyTorch.</summary>
internal static class Torch
{
    private static readonly Lazy<string?> Python = new(() =>
        new[] { "/usr/bin/python3", Programs.Find("python3") }.FirstOrDefault(python => python is not null && File.Exists(python) && CanImport(python)));

    /// <summary>Why there is none, for <c>Assert.SkipUnless</c>; null where there is one.</summary>
    public static string? Unavailable => Python.Value is null ? "needs python3 with torch, onnx and numpy" : null;

    /// <summary>Runs a script of the checkout and waits for its success.</summary>
    public static async Task RunAsync(string script, params string[] arguments)
    {
        using var process = Start(Python.Value!, ["-B", Checkout.At(script), .. arguments]);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, await error);
    }

    private static bool CanImport(string python)
    {
        using var process = Start(python, ["-c", "import torch, onnx, numpy"]);
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static Process Start(string program, IEnumerable<string> arguments)
        => Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
}
