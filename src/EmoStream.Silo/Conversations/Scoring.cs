using EmoStream.Contracts.Inference;

namespace EmoStream.Silo.Conversations;

/// <summary>
/// Has jobs scored. One that the model refuses for good would fail for ever and hold up its partition, so it is taken
/// apart: first the new utterances one by one, of which those at fault stay on the timeline without content for the
/// model, then the scores of the others.
/// </summary>
/// <param name="conversation">Whose jobs.</param>
/// <param name="score">Asks the model.</param>
/// <param name="timeProvider">Measures how long it takes.</param>
/// <param name="takenAt">When the batch was taken.</param>
internal sealed class Scoring(Conversation conversation, Func<ScoreRequest, ValueTask<ScoreReply>> score, TimeProvider timeProvider, DateTimeOffset takenAt)
{
    /// <summary>Why the model refused the job; null when it did not.</summary>
    public UnscorableException? Refusal { get; private set; }

    /// <summary>Utterances of the job that stay without a new score.</summary>
    public int Unscored { get; private set; }

    public async ValueTask RunAsync(ScoreJob job)
    {
        (Refusal, Unscored) = (null, 0);
        if (await TryAsync(job, encodeOnly: false)) return;

        foreach (var alone in job.NewRows())
        {
            if (!await TryAsync(alone, encodeOnly: true)) conversation.GiveUp(alone);
        }

        var scored = 0;
        foreach (var one in job.Scores())
        {
            if (await TryAsync(one, encodeOnly: false)) scored++;
        }

        Unscored = job.Scored.Count - scored;
    }

    private async ValueTask<bool> TryAsync(ScoreJob job, bool encodeOnly)
    {
        var started = timeProvider.GetTimestamp();
        try
        {
            var reply = await score(job.ToRequest());
            if (encodeOnly) Conversation.TakeDescriptors(job, reply);
            else Conversation.Accept(job, reply, timeProvider.GetElapsedTime(started).TotalMilliseconds, takenAt);
            return true;
        }
        catch (UnscorableException e)
        {
            Refusal ??= e;
            return false;
        }
    }
}
