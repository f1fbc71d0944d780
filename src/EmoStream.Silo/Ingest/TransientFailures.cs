using EmoStream.Silo.Conversations;
using StackExchange.Redis;

namespace EmoStream.Silo.Ingest;

/// <summary>Failures of a delivery that say nothing about its utterances: they are delivered again for as long as it takes.</summary>
internal static class TransientFailures
{
    /// <summary>
    /// Redis is away, busy or not the one to write to; the conversation moved; the model changed. An error in what a commit
    /// says (<c>ERR</c>, <c>WRONGTYPE</c>) is none of these: it will be there again each time.
    /// </summary>
    public static bool Contains(Exception failure) => failure switch
    {
        CommitRefusedException or BundleChangedException => true,
        RedisServerException server => IsPassing(server.Message),
        RedisException => true,
        _ => false,
    };

    /// <summary>Redis begins an error with its code: LOADING, READONLY, MASTERDOWN, OOM, NOREPLICAS and the like pass.</summary>
    private static bool IsPassing(string message) =>
        !message.StartsWith("ERR", StringComparison.Ordinal) && !message.StartsWith("WRONGTYPE", StringComparison.Ordinal);
}
