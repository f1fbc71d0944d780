using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using EmoStream.Inference;
using Microsoft.ML.OnnxRuntime;

namespace EmoStream.Cli.Doctor;

/// <summary>The runtime, the port, and what models can run on.</summary>
internal static class MachineChecks
{
    public static Finding Runtime()
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1024 * 1024);
        var detail = $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}, {Environment.ProcessorCount} processors, {memory} MB";
        return memory < 1024
            ? Finding.Bad("runtime", detail, "Give the process at least 1 GB of memory: model, broker and Redis share it under `up`.")
            : Finding.Good("runtime", detail);
    }

    public static Finding Port(int port)
    {
        if (port == 0)
        {
            return Finding.Good("port", "0: any free port");
        }

        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return Finding.Good("port", $"127.0.0.1:{port} is free");
        }
        catch (SocketException e)
        {
            return Finding.Bad("port", $"127.0.0.1:{port}: {e.SocketErrorCode}", $"Stop what listens on {port}, or choose another with --port (0 takes any free one).");
        }
    }

    public static Finding ExecutionProvider()
    {
        string[] available;
        try
        {
            available = OrtEnv.Instance().GetAvailableProviders();
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or OnnxRuntimeException)
        {
            return Finding.Bad("execution provider", "ONNX Runtime does not load", "On Linux it needs glibc 2.28 or later and libstdc++; on Windows the Visual C++ runtime.");
        }

        var wanted = Environment.GetEnvironmentVariable("EmoStream__Inference__ExecutionProvider");
        var cuda = available.Contains("CUDAExecutionProvider");
        return string.Equals(wanted, nameof(ExecutionProviderChoice.Cuda), StringComparison.OrdinalIgnoreCase) && !cuda
            ? Finding.Bad("execution provider", string.Join(", ", available), "CUDA is asked for, but this build has none: build with -p:UseGpu=true.")
            : Finding.Good("execution provider", string.Join(", ", available));
    }
}
