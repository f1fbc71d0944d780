using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Grains;
using EmoStream.Contracts.Inference;
using EmoStream.Silo.Policy;
using EmoStream.Streaming.Kafka;
using EmoStream.Timeline.Commit;
using Orleans.Serialization;
using Orleans.Streams;
using Orleans.Streams.Core;

namespace EmoStream.Silo.Conversations;

/// <summary>
/// One conversation. Takes everything that waits for it as one batch, and returns only when the batch is in Redis: the
/// stream provider commits the Kafka offset after that.
/// <code>
/// batch ─1 policy gate─► 2 order, de-duplicate, window ─► 3 score (worker) ─► 4 one atomic commit
///                                                                              └ refused or failed: forget all, read Redis again
/// </code>
/// </summary>
[ImplicitStreamSubscription(Names.UtteranceStream)]
internal sealed partial class ConversationGrain(
    TimelineStore store,
    PolicyGate policy,
    WorkLimit limit,
    Serializer serializer,
    TimeProvider timeProvider,
    SiloMetrics metrics,
    ILogger<ConversationGrain> logger)
    : Grain, IConversationGrain, IStreamSubscriptionObserver, IAsyncBatchObserver<UtteranceEvent>
{
    private IInferenceWorker _worker = null!;
    private ModelDescription _model = null!;
    private Conversation? _conversation;
    private string? _fence;

    public Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) => handleFactory.Create<UtteranceEvent>().ResumeAsync(this);

    public async Task OnNextAsync(IList<SequentialItem<UtteranceEvent>> items)
    {
        using var span = KafkaTracing.StartProcess();
        var hasPlace = await limit.EnterAsync();
        try
        {
            // With an event, which knows the life of Redis it was read under. What was read in another one may not be there any
            // longer: events would pass for repeats that are not.
            var fence = ((KafkaSequenceToken)items[0].Token).Fence;
            if (_conversation is null || _fence != fence) (_conversation, _fence) = (await OpenAsync(fence), fence);
            await TakeAsync(_conversation, items);
        }
        catch
        {
            // What is in memory may be ahead of Redis. The provider delivers again, to an activation that reads Redis.
            DeactivateOnIdle();
            throw;
        }
        finally
        {
            if (hasPlace) limit.Leave();
        }
    }

    public Task OnErrorAsync(Exception ex)
    {
        LogStreamError(logger, ex.GetType()); // its message names the stream, and with it the conversation
        return Task.CompletedTask;
    }

    private async Task TakeAsync(Conversation conversation, IList<SequentialItem<UtteranceEvent>> items)
    {
        var takenAt = timeProvider.GetUtcNow();
        var origin = (KafkaSequenceToken)items[0].Token; // a delivery never mixes sources or fences
        var counts = new EventCounts();
        conversation.BeginBatch(origin.Source);
        for (var i = 0; i < items.Count; i++)
        {
            var e = items[i].Item;
            // 1. Only what the policy allows goes on.
            var decision = policy.Decide(e);
            if (conversation.NeedsCommitFirst(e))
            {
                await CommitAsync(conversation, takenAt, origin.Fence);
                conversation.BeginBatch(origin.Source);
            }

            // 2. Order, duplicates, revisions, speakers, window.
            var offset = items[i].Token.SequenceNumber;
            if (conversation.EntriesNeeded(e, offset) is { Count: > 0 } needed) conversation.TakeEntries(await store.ReadEntriesAsync(e.ConversationId, needed));
            counts.Add(e.Kind, conversation.Apply(e, offset, decision));
        }

        await CommitAsync(conversation, takenAt, origin.Fence);
        metrics.Batch(counts);
    }

    private async Task CommitAsync(Conversation conversation, DateTimeOffset takenAt, string? fence)
    {
        // 3. Everything that changed is scored in its context.
        var scoring = new Scoring(conversation, AskAsync, timeProvider, takenAt);
        foreach (var job in conversation.ScoreJobs())
        {
            await scoring.RunAsync(job);
            if (scoring.Refusal is not { } refusal) continue;
            metrics.Unscorable(scoring.Unscored);
            LogUnscorable(logger, refusal, scoring.Unscored, job.Scored.Count);
        }

        // 4. State, entries, feed and offset, or nothing of it.
        if (conversation.ToCommit() is not { } commit) return;
        var result = await store.CommitAsync(this.GetPrimaryKeyString(), commit, fence);
        if (result is not (CommitResult.Committed or CommitResult.AlreadyCommitted)) throw Refused(result);
    }

    private CommitRefusedException Refused(CommitResult result)
    {
        metrics.Refused(result);
        return new(result);
    }

    private async ValueTask<ScoreReply> AskAsync(ScoreRequest request)
    {
        var reply = await _worker.ScoreAsync(request, CancellationToken.None);
        return reply.Bundle == _model.Bundle ? reply : throw new BundleChangedException();
    }

    private async Task<Conversation> OpenAsync(string? fence)
    {
        _worker = GrainFactory.GetGrain<IInferenceWorker>(0);
        _model = await _worker.DescribeAsync();
        var id = this.GetPrimaryKeyString();
        return new(id, _model, await store.OpenAsync(id, fence) ?? throw Refused(CommitResult.Fenced), serializer);
    }

    [LoggerMessage(LogLevel.Error, "The model refused a request; {Unscored} of its {Utterances} utterances stay without a score.")]
    private static partial void LogUnscorable(ILogger logger, Exception exception, int unscored, int utterances);

    [LoggerMessage(LogLevel.Warning, "The stream reported an error ({Error}); events are delivered again.")]
    private static partial void LogStreamError(ILogger logger, Type error);
}

/// <summary>Redis refused a commit: another activation took over, or Redis lost writes. The next activation starts from what is there.</summary>
[GenerateSerializer, Alias("EmoStream.CommitRefused")]
internal sealed class CommitRefusedException(CommitResult result) : Exception($"The commit was refused: {result}.");

/// <summary>The worker was upgraded between activation and scoring; the next activation takes the new model.</summary>
[GenerateSerializer, Alias("EmoStream.BundleChanged")]
internal sealed class BundleChangedException() : Exception("The model bundle changed while the conversation was active.");
