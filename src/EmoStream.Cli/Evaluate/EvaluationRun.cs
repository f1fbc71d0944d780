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
        var conversations = Conversation.Gather(new InputFile(path, spaces));
        return conversations.SelectMany(conversation => conversation.Turns).Any(turn => turn.Line.Label is not null && !turn.IsRetracted)
            ? conversations
            : throw new InputException($"{path}: no line has a label");
    });

    /// <summary>Loads a bundle and scores the file in every way.</summary>
    /// <exception cref="InputException">The file does not fit the bundle.</exception>
    public Evaluation Evaluate(string bundleDirectory)
    {
        var bundle = ModelBundle.Load(bundleDirectory);
        LineRules.CheckSpaces(spaces, bundle.Description);
        var conversations = _conversations.Value;
        using var scorer = new OnnxScorer(bundle, Options.Create(new InferenceOptions { Bundle = bundleDirectory, Threads = Environment.ProcessorCount }));
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
