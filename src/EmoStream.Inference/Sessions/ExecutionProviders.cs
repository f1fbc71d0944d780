using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;

namespace EmoStream.Inference.Sessions;

/// <summary>Decides what the models run on, and says what it got.</summary>
internal sealed partial class ExecutionProviders(InferenceOptions options, ILogger logger)
{
    public const string Cpu = "cpu";
    public const string Cuda = "cuda";
    private const string CudaName = "CUDAExecutionProvider";

    /// <summary>Opens a model on the wanted provider, or on the CPU with a warning.</summary>
    public (InferenceSession Session, string Provider) Open(string path, string file)
    {
        var wanted = Choose(options.ExecutionProvider, OrtEnv.Instance().GetAvailableProviders());
        if (wanted == Cuda)
        {
            try
            {
                return (Create(path, cuda: true), Report(file, Cuda));
            }
            catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
            {
                // The package has CUDA but the machine's driver or libraries do not fit.
                LogCudaFailed(e, file);
            }
        }
        else if (options.ExecutionProvider == ExecutionProviderChoice.Cuda)
        {
            LogCudaMissing(file);
        }

        return (Create(path, cuda: false), Report(file, Cpu));
    }

    internal static string Choose(ExecutionProviderChoice choice, string[] available)
        => choice != ExecutionProviderChoice.Cpu && available.Contains(CudaName) ? Cuda : Cpu;

    private InferenceSession Create(string path, bool cuda)
    {
        using var session = new SessionOptions
        {
            IntraOpNumThreads = options.EffectiveThreads,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            // A pattern is remembered per input shape; ours differ from run to run, so it would only grow.
            EnableMemoryPattern = false,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        // Spinning threads take the cores of the grains beside us.
        session.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        session.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
        if (cuda)
        {
            using var provider = new OrtCUDAProviderOptions();
            // TF32 keeps 10 bits of mantissa: scores would leave the 1e-5 that replays must agree within.
            provider.UpdateOptions(new Dictionary<string, string> { ["device_id"] = "0", ["use_tf32"] = "0" });
            session.AppendExecutionProvider_CUDA(provider);
        }

        return new(path, session);
    }

    private string Report(string file, string provider)
    {
        LogOpened(file, provider, options.EffectiveThreads);
        return provider;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{File} runs on {Provider}, {Threads} thread(s)")]
    private partial void LogOpened(string file, string provider, int threads);

    [LoggerMessage(Level = LogLevel.Warning, Message = "FELL BACK TO THE CPU: {File} was to run on CUDA, but this build of ONNX Runtime has none (build with -p:UseGpu=true)")]
    private partial void LogCudaMissing(string file);

    [LoggerMessage(Level = LogLevel.Warning, Message = "FELL BACK TO THE CPU: {File} could not be opened on CUDA")]
    private partial void LogCudaFailed(Exception exception, string file);
}
