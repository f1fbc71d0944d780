using System.Diagnostics.CodeAnalysis;

namespace EmoStream.Silo.Conversations;

/// <summary>
/// How many batches this silo scores and commits at once; further ones wait in the order of their arrival. Of a backlog
/// thousands of conversations would be half done at the same time: all that each of them holds meanwhile outlives the
/// collector's youngest generation, and collecting it took two fifths of the CPU time.
/// </summary>
/// <remarks>
/// It saves work, and nothing rests on it. A batch that hangs (a worker that does not answer) must not keep others out: who
/// has waited for <see cref="Patience"/> goes on all the same.
/// </remarks>
[SuppressMessage("Reliability", "CA1001", Justification = "A semaphore without a wait handle holds nothing, and one that is disposed of keeps those who wait for ever.")]
internal sealed class WorkLimit
{
    /// <summary>Enough for a model to fill its batches from, and for the round trips to Redis to overlap.</summary>
    public const int Batches = 64;

    /// <summary>More than a backlog of thousands of conversations takes to come round.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _free = new(Batches);

    /// <summary>Waits for a place.</summary>
    /// <returns>Whether there is one to be given back by <see cref="Leave"/>.</returns>
    public Task<bool> EnterAsync() => _free.WaitAsync(Patience);

    /// <summary>Gives a place back: the batch is done, however it ended.</summary>
    public void Leave() => _free.Release();
}
