using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace EmoStream.Inference;

/// <summary>Which model runs, on what, and how requests are gathered; section <c>EmoStream:Inference</c>.</summary>
public sealed class InferenceOptions
{
    /// <summary>Configuration section of everything but <see cref="Bundle"/>, which is <c>EmoStream:Bundle</c>.</summary>
    public const string Section = "EmoStream:Inference";

    /// <summary>Directory of the model bundle. There is no default: a host must choose what it scores with.</summary>
    public string Bundle { get; set; } = "";

    /// <summary>What the models run on. The default is <see cref="ExecutionProviderChoice.Auto"/>.</summary>
    [EnumDataType(typeof(ExecutionProviderChoice))]
    public ExecutionProviderChoice ExecutionProvider { get; set; } = ExecutionProviderChoice.Auto;

    /// <summary>Threads of one model run, the scorer's own included. The default 0 leaves one processor to the rest of the process, and takes 8 at most.</summary>
    [Range(0, 256)]
    public int Threads { get; set; }

    /// <summary>Utterances in one run; a single larger request still runs alone. The default is 32.</summary>
    [Range(1, 4096)]
    public int MaxBatchSize { get; set; } = 32;

    /// <summary>
    /// Longest time a request waits for company. The default is 2 ms. Only requests that follow a shared batch
    /// within this time wait at all; see <see cref="Batching.ScoreBatcher"/>.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:01", ConvertValueInInvariantCulture = true, ParseLimitsInInvariantCulture = true)]
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromMilliseconds(2);

    /// <summary>Requests that wait at most; callers beyond that are held back. The default is 1024.</summary>
    [Range(1, 1_000_000)]
    public int QueueCapacity { get; set; } = 1024;

    /// <summary><see cref="Threads"/> with its default worked out.</summary>
    internal int EffectiveThreads => Threads > 0 ? Threads : Math.Clamp(Environment.ProcessorCount - 1, 1, 8);
}

/// <summary>What the models may run on.</summary>
public enum ExecutionProviderChoice
{
    /// <summary>The GPU when this build and machine have one, else the CPU.</summary>
    Auto,

    /// <summary>The CPU, always.</summary>
    Cpu,

    /// <summary>The GPU is expected: running on the CPU instead is said loudly.</summary>
    Cuda,
}

/// <summary>Checked when the host starts.</summary>
[OptionsValidator]
internal sealed partial class InferenceOptionsValidator : IValidateOptions<InferenceOptions>;
