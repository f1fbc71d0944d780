using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace EmoStream.Contracts.Timeline;

/// <summary>
/// A value per label, in the labels' order. A dictionary to its readers; to its writer two arrays, one of which all entries
/// share: a model has a handful of labels, and every utterance a value for each.
/// </summary>
[GenerateSerializer, Immutable, Alias("EmoStream.LabelDictionary")]
public sealed class LabelDictionary : IReadOnlyDictionary<string, float>
{
    [Id(0)] private readonly string[] _labels;
    [Id(1)] private readonly float[] _values;

    /// <summary>Takes both arrays as they are; nobody may change them any more.</summary>
    /// <param name="labels">The labels, each once.</param>
    /// <param name="values">As many values.</param>
    /// <exception cref="ArgumentException">There are not as many values as labels.</exception>
    public LabelDictionary(string[] labels, float[] values)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(values);
        if (labels.Length != values.Length) throw new ArgumentException("As many values as labels are expected.", nameof(values));
        (_labels, _values) = (labels, values);
    }

    /// <inheritdoc />
    public int Count => _labels.Length;

    /// <inheritdoc />
    public IEnumerable<string> Keys => _labels;

    /// <inheritdoc />
    public IEnumerable<float> Values => _values;

    /// <inheritdoc />
    public float this[string key] => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException();

    /// <inheritdoc />
    public bool ContainsKey(string key) => Array.IndexOf(_labels, key) >= 0;

    /// <inheritdoc />
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out float value)
    {
        var at = Array.IndexOf(_labels, key);
        value = at < 0 ? 0 : _values[at];
        return at >= 0;
    }

    /// <inheritdoc />
    public IEnumerator<KeyValuePair<string, float>> GetEnumerator()
    {
        for (var i = 0; i < _labels.Length; i++) yield return new(_labels[i], _values[i]);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
