using EmoStream.Cli.Input;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Options;

namespace EmoStream.Cli.Evaluate;

/// <summary>One file, read once; evaluates any bundle on it.</summary>
/// <param name="terminal">Where progress goes.</param>
/// <param name="path">The annotated file.</param>
/// <param name="spaces">Feature space by modality: which of the file's vectors are taken.</param>
/// <param name="cancellationToken">Stops between two batches.</param>
internal sealed class EvaluationRun(Terminal terminal, string path, IReadOnlyDictionary<string, string> spaces, CancellationToken cancellationToken)
{
    private readonly Lazy<IReadOnlyCollection<Conversation>> _conversations = new(() =>
    {
        var conversations = Conversation.Gather(new InputFile(path, spaces, needsModality: false));
        return conversations.SelectMany(conversation => conversation.Turns).Any(turn => turn.Line.Label is not null && !turn.IsRetracted)
            ? conversations
            : throw new InputException($"{path}: no line has a label");
    });

    /// <summary>Scores the file with a bundle in every way.</summary>
    /// <exception cref="InputException">The file does not fit the bundle.</exception>
    public Evaluation Evaluate(string bundleDirectory)
    {
        var bundle = ModelBundle.Load(bundleDirectory);
        LineRules.CheckSpaces(spaces, bundle.Description);
        return Evaluate(bundle);
    }

    /// <summary>The same with two bundles, whose labels agree.</summary>
    /// <exception cref="InputException">The file does not fit the bundles, or they do not fit each other.</exception>
    public (Evaluation A, Evaluation B) Evaluate(string directoryA, string directoryB)
    {
        var (a, b) = (ModelBundle.Load(directoryA), ModelBundle.Load(directoryB));
        LineRules.CheckLabels(a.Description, b.Description);
        LineRules.CheckSpaces(spaces, a.Description, b.Description);
        return (Evaluate(a), Evaluate(b));
    }

    private Evaluation Evaluate(ModelBundle bundle)
    {
        var conversations = _conversations.Value;
        using var scorer = new OnnxScorer(bundle, Options.Create(new InferenceOptions { Bundle = bundle.Directory, Threads = Environment.ProcessorCount }));
        Evaluation? evaluation = null;
        var rows = conversations.Sum(conversation => conversation.Turns.Count);
        Progress.Run(terminal, $"evaluate {bundle.Id}", rows * Evaluation.PassesOver(bundle.Description), report =>
        {
            var corpus = Corpus.Encode(scorer, path, conversations, report, cancellationToken);
            evaluation = Evaluation.Of(corpus, new Evaluator(scorer, corpus, report, cancellationToken));
        });

        return evaluation!.Whole.Any(prediction => prediction.Row.Label >= 0)
            ? evaluation
            : throw new InputException($"{path}: no labelled utterance brings a modality that {bundle.Id} takes ({string.Join(", ", bundle.Description.Modalities.Select(m => m.Name))})");
    }
}
