namespace EmoStream.Cli.Evaluate.Report;

/// <summary>One line of <c>--predictions</c>: the file as it is, final scores.</summary>
/// <param name="ConversationId">The conversation.</param>
/// <param name="UtteranceId">The utterance.</param>
/// <param name="Label">The most probable label.</param>
/// <param name="Probabilities">Calibrated, by label.</param>
/// <param name="Weights">Fusion weight by modality of the bundle; 0 where neither available nor recovered.</param>
/// <param name="Set">Labels of the conformal set, most probable first; null where none is offered.</param>
/// <param name="Availability">What the utterance brought, such as <c>text+audio</c>.</param>
internal sealed record PredictionLine(
    string ConversationId,
    string UtteranceId,
    string Label,
    IReadOnlyDictionary<string, float> Probabilities,
    IReadOnlyDictionary<string, float> Weights,
    IReadOnlyList<string>? Set,
    string Availability)
{
    public static PredictionLine From(Prediction prediction, Evaluation evaluation)
    {
        var (e, score, model) = (prediction.Row.Line.Event!, prediction.Score, evaluation.Model);
        return new(
            e.ConversationId,
            e.UtteranceId,
            model.Labels[prediction.Label],
            model.Labels.Zip(score.Probabilities).ToDictionary(),
            model.Modalities.Select(modality => modality.Name).Zip(score.Weights).ToDictionary(),
            score.PredictionSet is { } set ? Array.ConvertAll(set, label => model.Labels[label]) : null,
            evaluation.Keys[prediction.Available]);
    }
}
