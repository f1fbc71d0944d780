using EmoStream.Contracts.Events;

namespace EmoStream.Cli.Input;

/// <summary>One record of an input file: an event, or the reason why there is none.</summary>
/// <param name="Number">Line number in the file, from 1.</param>
/// <param name="Event">The event; valid by the rules of <see cref="UtteranceEventValidator"/>.</param>
/// <param name="Label">The annotated emotion, where the file has one.</param>
/// <param name="Error">Why the line is unusable; names members and positions.</param>
/// <param name="TextFeatures">A vector of the text that stands for it; events have no place for one.</param>
internal readonly record struct InputLine(int Number, UtteranceEvent? Event, string? Label, string? Error, FeatureVector? TextFeatures = null)
{
    public static InputLine Bad(int number, string error) => new(number, null, null, error);
}
