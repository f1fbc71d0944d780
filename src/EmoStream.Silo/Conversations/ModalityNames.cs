using EmoStream.Contracts.Inference;
using EmoStream.Contracts.Timeline;

namespace EmoStream.Silo.Conversations;

/// <summary>
/// Names of sets of a model's modalities, a bit per modality: a conversation meets few sets, and every entry of the same set
/// shares one array.
/// </summary>
internal sealed class ModalityNames(ModelDescription model)
{
    private readonly Dictionary<uint, string[]> _names = new() { [0] = [] };

    public string[] Names(uint set)
    {
        if (_names.TryGetValue(set, out var names)) return names;
        var list = new List<string>();
        for (var m = 0; m < model.Modalities.Length; m++)
        {
            if ((set & (1u << m)) != 0) list.Add(model.Modalities[m].Name);
        }

        return _names[set] = [.. list];
    }

    /// <param name="set">The modalities to take.</param>
    /// <param name="all">A weight for every modality of the model.</param>
    public LabelDictionary Weights(uint set, float[] all)
    {
        var names = Names(set);
        if (names.Length == all.Length) return new(names, all);
        var (values, at) = (new float[names.Length], 0);
        for (var m = 0; m < all.Length; m++)
        {
            if ((set & (1u << m)) != 0) values[at++] = all[m];
        }

        return new(names, values);
    }
}
