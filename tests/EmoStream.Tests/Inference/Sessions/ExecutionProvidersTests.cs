using EmoStream.Inference;
using EmoStream.Inference.Sessions;

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
}
