using EmoStream.Cli.Evaluate;
using EmoStream.Cli.Input;
using EmoStream.Contracts;
using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;
using Microsoft.Extensions.Options;

namespace EmoStream.Cli.Diff;

/// <summary>One of the two bundles: what it makes of the input, with the code that serves.</summary>
internal sealed class BundleSide
{
    private readonly Dictionary<(string Conversation, string Utterance), Prediction> _predictions = [];
    private readonly SortedDictionary<string, int> _leftOut = new(StringComparer.Ordinal);

    private BundleSide(ModelDescription model) => Model = model;

    public ModelDescription Model { get; }

    /// <summary>By modality, how many utterances bring it in a form that this bundle does not take: raw media, or another feature space.</summary>
    public IReadOnlyDictionary<string, int> LeftOut => _leftOut;

    /// <summary>Scores everything; the model is in memory only meanwhile.</summary>
    /// <exception cref="InputException">A line is unusable, for any bundle or for this one.</exception>
    public static BundleSide Score(ModelBundle bundle, DiffInput input, Action<int> scored, CancellationToken cancellationToken)
    {
        var side = new BundleSide(bundle.Description);
        var conversations = Conversation.Gather(input.Lines.Select(side.Fit), input.Source);
        using var scorer = new OnnxScorer(bundle, Options.Create(new InferenceOptions { Threads = Environment.ProcessorCount }));
        var corpus = Corpus.Encode(scorer, input.Source, conversations, scored, cancellationToken);
        foreach (var prediction in new Evaluator(scorer, corpus, scored, cancellationToken).Final(row => row.Available, _ => true))
        {
            var e = prediction.Row.Line.Event!;
            side._predictions.Add((e.ConversationId, e.UtteranceId), prediction);
        }

        return side;
    }

    /// <summary>What the bundle says of an utterance; null when it brings nothing that the bundle takes.</summary>
    public DiffScore? Of(UtteranceEvent e) => _predictions.TryGetValue((e.ConversationId, e.UtteranceId), out var prediction)
        ? new(Model.Labels[prediction.Label], prediction.Confidence)
        : null;

    /// <summary>The line without what this bundle cannot take. Its annotation is not asked for: it may be of other labels.</summary>
    private InputLine Fit(InputLine line)
    {
        line = line with { Label = null, TextFeatures = Model.Modalities.Any(m => m.FeatureSpace == line.TextFeatures?.Space) ? line.TextFeatures : null };
        if (line.Event is not { } e)
        {
            return line;
        }

        foreach (var modality in Model.Modalities.Where(modality => !Takes(modality, e, line.TextFeatures)))
        {
            e = Without(e, modality.Name);
            _leftOut[modality.Name] = _leftOut.GetValueOrDefault(modality.Name) + 1;
        }

        return line with { Event = e };
    }

    private static bool Takes(ModelModality modality, UtteranceEvent e, FeatureVector? text) =>
        modality.Name == Modality.Text ? modality.HasEncoder || text is not null || string.IsNullOrWhiteSpace(e.Text)
        : e.Input(modality.Name) is not { } input
            || (input.Features is { } features ? features.Space == modality.FeatureSpace : modality.HasEncoder);

    private static UtteranceEvent Without(UtteranceEvent e, string modality) => modality switch
    {
        Modality.Text => e with { Text = null },
        Modality.Audio => e with { Audio = null },
        Modality.Face => e with { Face = null },
        _ => e with { Body = null },
    };
}
