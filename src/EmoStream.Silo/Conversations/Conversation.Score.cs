using EmoStream.Contracts.Inference;

namespace EmoStream.Silo.Conversations;

internal sealed partial class Conversation
{
    /// <summary>
    /// What this batch needs scored: one request for the window and one for each utterance that left it long ago (its
    /// context is gone, so it is scored alone). Empty when nothing has to be scored.
    /// </summary>
    public List<ScoreJob> ScoreJobs()
    {
        var jobs = new List<ScoreJob>();
        AddAlone(_detached);
        AddAlone(_rows);
        var first = _rows.FindIndex(IsToScore);
        if (first >= 0)
        {
            var last = _rows.FindLastIndex(IsToScore);
            var from = Math.Max(0, first - _model.Window);
            var to = Math.Min(_rows.Count - 1, last + _model.LookAhead);
            var rows = _rows.GetRange(from, to - from + 1);
            var scored = new List<int>();
            for (var i = 0; i < rows.Count; i++)
            {
                if (IsToScore(rows[i])) scored.Add(i);
            }

            jobs.Add(new(rows, scored));
        }

        return jobs;

        void AddAlone(List<Row> rows)
        {
            foreach (var row in rows)
            {
                if (row is { IsAlone: true, IsDirty: true, IsScorable: true }) jobs.Add(new([row], [0]));
            }
        }

        static bool IsToScore(Row row) => row is { IsDirty: true, IsScorable: true, IsAlone: false };
    }

    /// <summary>Takes what the job's new rows were encoded to.</summary>
    public static void TakeDescriptors(ScoreJob job, ScoreReply reply)
    {
        for (var i = 0; i < job.Rows.Count; i++)
        {
            var row = job.Rows[i];
            if (row.Input is null) continue;
            row.Descriptors = reply.Descriptors[i];
            row.Input = null;
            row.IsEncoded = true;
        }
    }

    /// <summary>Takes the descriptors and the scores of one job into its rows.</summary>
    public static void Accept(ScoreJob job, ScoreReply reply, double inferenceMs, DateTimeOffset takenAt)
    {
        TakeDescriptors(job, reply);
        for (var i = 0; i < job.Scored.Count; i++)
        {
            var row = job.Rows[job.Scored[i]];
            var queuedMs = row.ReceivedAt is { } at ? Math.Max(0, (takenAt - at).TotalMilliseconds) : 0;
            row.Score = new(reply.Scores[i], new(Math.Round(queuedMs, 3), Math.Round(inferenceMs, 3)));
        }
    }

    /// <summary>The model refuses the new rows of the job for good: their content stays without descriptors and scores.</summary>
    public void GiveUp(ScoreJob job)
    {
        foreach (var row in job.Rows)
        {
            if (row.Input is null) continue;
            row.Input = null;
            row.Descriptors = NoDescriptors();
        }
    }
}

/// <summary>Rows to send to a worker, and which of them to score.</summary>
internal sealed record ScoreJob(List<Row> Rows, List<int> Scored)
{
    /// <summary>The request as the worker takes it.</summary>
    public ScoreRequest ToRequest()
    {
        var rows = new ContextRow[Rows.Count];
        for (var i = 0; i < rows.Length; i++) rows[i] = Rows[i].ToContextRow();
        return new() { Rows = rows, Scored = [.. Scored] };
    }

    /// <summary>Every new row by itself, to find those that the model refuses.</summary>
    public IEnumerable<ScoreJob> NewRows() => Rows.Where(r => r.Input is not null).Select(r => new ScoreJob([r], [0]));

    /// <summary>Every score by itself, of what is still to be scored.</summary>
    public IEnumerable<ScoreJob> Scores() => Scored.Where(i => Rows[i].IsScorable).Select(i => new ScoreJob(Rows, [i]));
}
