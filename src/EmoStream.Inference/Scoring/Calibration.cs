using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;

namespace EmoStream.Inference.Scoring;

/// <summary>Logits to calibrated probabilities and a conformal set, by what the utterance brought.</summary>
internal sealed class Calibration
{
    private readonly float[] _temperatures;
    private readonly float[] _thresholds;

    public Calibration(BundleManifest manifest)
    {
        var keys = AvailabilityKey.All([.. manifest.Modalities.Select(m => m.Name)]);
        var calibration = manifest.Calibration;
        _temperatures = [.. keys.Select(key => calibration?.Temperatures.GetValueOrDefault(key, 1) ?? 1)];
        Uncalibrated = [.. keys.Skip(1).Where(key => calibration?.Temperatures.ContainsKey(key) is not true)];
        _thresholds = [.. keys.Select(key => calibration?.Conformal?.Thresholds.GetValueOrDefault(key, float.NaN) ?? float.NaN)];
    }

    /// <summary>Availability sets without a temperature: their probabilities are served as the model gives them.</summary>
    public string[] Uncalibrated { get; }

    /// <param name="logits">One per label.</param>
    /// <param name="availability">Bit m: the utterance brought modality m.</param>
    /// <param name="weights">The QAF weights, taken over as they are.</param>
    public Score Apply(ReadOnlySpan<float> logits, int availability, float[] weights)
    {
        var probabilities = Softmax(logits, _temperatures[availability]);
        return new()
        {
            Probabilities = probabilities,
            Weights = weights,
            PredictionSet = PredictionSet(probabilities, _thresholds[availability]),
        };
    }

    private static float[] Softmax(ReadOnlySpan<float> logits, float temperature)
    {
        var probabilities = new float[logits.Length];
        var largest = double.NegativeInfinity;
        foreach (var logit in logits)
        {
            // Checked per request: a NaN in one conversation's descriptors stays that conversation's failure.
            if (!float.IsFinite(logit))
            {
                throw new UnscorableException("The context model gave a logit that is not finite.");
            }

            largest = Math.Max(largest, logit);
        }

        var sum = 0.0;
        for (var i = 0; i < logits.Length; i++)
        {
            sum += Math.Exp((logits[i] - largest) / temperature);
        }

        for (var i = 0; i < logits.Length; i++)
        {
            probabilities[i] = (float)(Math.Exp((logits[i] - largest) / temperature) / sum);
        }

        return probabilities;
    }

    /// <summary>Least ambiguous set: every label whose probability reaches the threshold, which can be none.</summary>
    private static int[]? PredictionSet(float[] probabilities, float threshold)
    {
        if (float.IsNaN(threshold))
        {
            return null;
        }

        var size = 0;
        foreach (var probability in probabilities)
        {
            size += probability >= threshold ? 1 : 0;
        }

        var (set, keys, next) = (new int[size], new float[size], 0);
        for (var label = 0; label < probabilities.Length; label++)
        {
            if (probabilities[label] >= threshold)
            {
                (set[next], keys[next]) = (label, -probabilities[label]);
                next++;
            }
        }

        Array.Sort(keys, set);
        return set;
    }
}
