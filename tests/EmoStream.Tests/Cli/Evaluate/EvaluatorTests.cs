using EmoStream.Cli.Evaluate;
using EmoStream.Cli.Input;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Options;

namespace EmoStream.Tests.Cli.Evaluate;

/// <summary>A conversation longer than what is scored together.</summary>
public sealed class EvaluatorTests : IDisposable
{
    private const int Rows = 600;

    private readonly TemporaryDirectory _directory = new();
    private readonly CancellationTokenSource _cancel = new();
    private readonly OnnxScorer _scorer = new(ModelBundle.Load(CliRun.TinyBundle), Options.Create(new InferenceOptions()));
    private int _reported;

    [Fact]
    public void Final_LongConversation_ScoresAsInOnePiece()
    {
        var corpus = Encode(static _ => { });

        var parts = new Evaluator(_scorer, corpus, Report, _cancel.Token).Final(row => row.Available, _ => true);

        var whole = _scorer.Score([new() { Rows = [.. corpus.Rows.Select(row => row.Keep(row.Available))], Scored = [.. Enumerable.Range(0, Rows)] }])[0].Scores;
        Assert.Equal(Enumerable.Range(0, Rows), parts.Select(prediction => prediction.Position));
        Assert.Equal(Rows, _reported);
        foreach (var (part, score) in parts.Zip(whole))
        {
            Assert.Equal(score.Probabilities, part.Score.Probabilities, (a, b) => Math.Abs(a - b) < 1e-5);
        }
    }

    [Fact]
    public void Final_FewWantedRowsOfALongConversation_AreScoredInParts()
    {
        const int Step = 50;
        var corpus = Encode(static _ => { });
        var rows = corpus.Dialogues[0].Rows.ToList();
        var whole = new Evaluator(_scorer, corpus, static _ => { }, _cancel.Token).Final(row => row.Available, _ => true);

        var few = new Evaluator(_scorer, corpus, Report, _cancel.Token).Final(row => row.Available, row => rows.IndexOf(row) % Step == 0);
        var stopped = new Evaluator(_scorer, corpus, ReportAndCancel, _cancel.Token);

        Assert.Equal(Rows, _reported);
        Assert.Equal(Rows / Step, few.Count);
        Assert.All(few, prediction => Assert.Equal(whole[prediction.Position].Score.Probabilities, prediction.Score.Probabilities, (a, b) => Math.Abs(a - b) < 1e-5));
        Assert.ThrowsAny<OperationCanceledException>(() => stopped.Final(row => row.Available, row => rows.IndexOf(row) % Step == 0));
    }

    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 2)]
    [InlineData(true, Rows)]
    public void Evaluation_Progress_ReachesItsTotal(bool audio, int rows)
    {
        // Retracted, without a label, without anything the model takes.
        string[] more =
        [
            """{"conversationId":"d","utteranceId":"u1","speaker":"Ana","text":"good","label":"joy"}""",
            """{"conversationId":"d","utteranceId":"u2","speaker":"Ana","text":"bad"}""",
            """{"conversationId":"d","utteranceId":"u3","speaker":"Ana"}""",
            """{"conversationId":"d","utteranceId":"u4","speaker":"Ana","text":"gone","label":"joy"}""",
            """{"conversationId":"d","utteranceId":"u4","kind":"retraction"}""",
        ];
        var spaces = FeatureSpaces.Parse(audio ? ["audio=audio/tiny@1"] : []);
        var file = new InputFile(_directory.Write("mixed.jsonl", [.. more, .. EvaluateModalitiesTests.Lines().Take(rows)]), spaces, needsModality: false);
        var corpus = Corpus.Encode(_scorer, file.Path, Conversation.Gather(file), Report, _cancel.Token);

        _ = Evaluation.Of(corpus, new Evaluator(_scorer, corpus, Report, _cancel.Token));

        Assert.Equal(corpus.Rows.Count() * Evaluation.PassesOver(_scorer.Description), _reported);
    }

    [Fact]
    public void Encode_CancelledWithinAConversation_Stops()
    {
        Assert.ThrowsAny<OperationCanceledException>(() => Encode(ReportAndCancel));
        Assert.Equal(Corpus.RowsPerBatch, _reported);
    }

    [Fact]
    public void Final_CancelledWithinAConversation_Stops()
    {
        var evaluator = new Evaluator(_scorer, Encode(static _ => { }), ReportAndCancel, _cancel.Token);

        Assert.ThrowsAny<OperationCanceledException>(() => evaluator.Final(row => row.Available, _ => true));
        Assert.Equal(Corpus.RowsPerBatch, _reported);
    }

    public void Dispose()
    {
        _scorer.Dispose();
        _cancel.Dispose();
        _directory.Dispose();
    }

    private Corpus Encode(Action<int> encoded)
    {
        var file = new InputFile(_directory.Write("long.jsonl", [.. Enumerable.Range(0, Rows).Select(i =>
            $$"""{"conversationId":"c","utteranceId":"u{{i}}","speaker":"{{(i % 3 == 0 ? "Ana" : "Ben")}}","text":"{{(i % 2 == 0 ? "good" : "bad")}} {{i}}","label":"joy"}""")]));
        return Corpus.Encode(_scorer, file.Path, Conversation.Gather(file), encoded, _cancel.Token);
    }

    private void Report(int rows) => _reported += rows;

    private void ReportAndCancel(int rows)
    {
        Report(rows);
        _cancel.Cancel();
    }
}
