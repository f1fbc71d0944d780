using EmoStream.Silo.Conversations;
using EmoStream.Silo.Ingest;
using EmoStream.Timeline.Commit;
using StackExchange.Redis;

namespace EmoStream.Tests.Silo.Ingest;

public sealed class TransientFailuresTests
{
    public static TheoryData<Exception, bool> Failures => new()
    {
        { new RedisConnectionException(ConnectionFailureType.UnableToConnect, CommandFlags.None, "no connection", null, CommandStatus.Unknown), true },
        { new RedisServerException(RedisErrorKind.Unknown, CommandFlags.None, "LOADING Redis is loading the dataset in memory"), true },
        { new RedisServerException(RedisErrorKind.Unknown, CommandFlags.None, "READONLY You can't write against a read only replica."), true },
        { new RedisServerException(RedisErrorKind.Unknown, CommandFlags.None, "ERR user_script:12: attempt to index a nil value"), false },
        { new RedisServerException(RedisErrorKind.Unknown, CommandFlags.None, "WRONGTYPE Operation against a key holding the wrong kind of value"), false },
        { new CommitRefusedException(CommitResult.Diverged), true },
        { new BundleChangedException(), true },
        { new InvalidOperationException(), false },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void Contains_WhatPassesByItself_AndNothingElse(Exception failure, bool transient) =>
        Assert.Equal(transient, TransientFailures.Contains(failure));
}
