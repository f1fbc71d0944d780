using EmoStream.Contracts;

namespace EmoStream.Inference.Bundle;

/// <summary>Names of availability sets in manifests: modality names joined with <c>+</c> in the order of <see cref="Modality.All"/>.</summary>
public static class AvailabilityKey
{
    /// <summary>One key per bit mask over <paramref name="modalities"/>; bit m stands for modalities[m], mask 0 is empty.</summary>
    public static string[] All(string[] modalities)
    {
        var keys = new string[1 << modalities.Length];
        for (var mask = 0; mask < keys.Length; mask++)
        {
            var names = Modality.All.Where(name => Array.IndexOf(modalities, name) is var m and >= 0 && (mask & (1 << m)) != 0);
            keys[mask] = string.Join('+', names);
        }

        return keys;
    }
}
