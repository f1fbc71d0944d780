using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Encoding;
using EmoStream.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;

namespace EmoStream.Tests.Inference.Sessions;

public sealed class ExecutionProvidersTests
{
    [Theory]
    [InlineData(ExecutionProviderChoice.Auto, true, "cuda")]
    [InlineData(ExecutionProviderChoice.Cuda, true, "cuda")]
    [InlineData(ExecutionProviderChoice.Cpu, true, "cpu")]
    [InlineData(ExecutionProviderChoice.Auto, false, "cpu")]
    [InlineData(ExecutionProviderChoice.Cuda, false, "cpu")]
    public void Choose_WhatIsThere_Decides(ExecutionProviderChoice choice, bool hasCuda, string expected)
        => Assert.Equal(expected, ExecutionProviders.Choose(choice, hasCuda ? ["CUDAExecutionProvider", "CPUExecutionProvider"] : ["CPUExecutionProvider"]));

    [Theory]
    [InlineData(ExecutionProviderChoice.Auto, false)]
    [InlineData(ExecutionProviderChoice.Cpu, false)]
    [InlineData(ExecutionProviderChoice.Cuda, true)]
    public void Open_WithoutCuda_SaysWhatItGotAndWarnsWhoExpectedMore(ExecutionProviderChoice choice, bool warns)
    {
        Assert.SkipWhen(OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"), "this build of ONNX Runtime has CUDA");
        var log = new LogLines<TextEncoder>();
        var options = TinyBundle.Options();
        options.ExecutionProvider = choice;

        using var encoder = new TextEncoder(ModelBundle.Load(TinyBundle.Directory), options, logger: log);

        Assert.Equal(warns, log.All.Any(line => line.StartsWith("Warning: FELL BACK TO THE CPU: text-encoder.onnx", StringComparison.Ordinal)));
        Assert.Contains("Information: text-encoder.onnx runs on cpu, 1 thread(s)", log.All);
    }
}
