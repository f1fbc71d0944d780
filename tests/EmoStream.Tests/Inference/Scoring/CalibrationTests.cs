using EmoStream.Contracts.Inference;
using EmoStream.Inference.Bundle;
using EmoStream.Inference.Scoring;

namespace EmoStream.Tests.Inference.Scoring;

public sealed class CalibrationTests
{
    private const int Text = 0b01, Audio = 0b10, Both = 0b11;

    // Temperatures text 2, audio .5; thresholds text .3, text+audio .2.
    private readonly Calibration _calibration = new(ModelBundle.Load(TinyBundle.Directory).Manifest);

    [Theory]
    [InlineData(Text, 0.5)]
    [InlineData(Audio, 2)]
    [InlineData(Both, 1)]
    public void Apply_EachAvailability_DividesByItsTemperature(int availability, double scale)
    {
        float[] logits = [1, -2, 0.5f];
        var exponentials = logits.Select(logit => Math.Exp(logit * scale)).ToArray();

        var probabilities = _calibration.Apply(logits, availability, []).Probabilities;

        Assert.All(exponentials.Zip(probabilities), pair => Assert.Equal(pair.First / exponentials.Sum(), pair.Second, 1e-6));
    }

    [Theory]
    [InlineData(Text, new[] { 0.35, 0.25, 0.4 }, new[] { 2, 0 })]
    [InlineData(Text, new[] { 0.1, 0.1, 0.8 }, new[] { 2 })]
    [InlineData(Both, new[] { 0.35, 0.25, 0.4 }, new[] { 2, 0, 1 })]
    [InlineData(Audio, new[] { 0.35, 0.25, 0.4 }, null)]
    public void Apply_Threshold_KeepsWhatReachesItMostProbableFirst(int availability, double[] wanted, int[]? expected)
    {
        var temperature = availability switch { Text => 2, Audio => 0.5, _ => 1 };
        var logits = wanted.Select(p => (float)(Math.Log(p) * temperature)).ToArray();

        Assert.Equal(expected, _calibration.Apply(logits, availability, []).PredictionSet);
    }

    [Fact]
    public void Open_SetsWithoutATemperature_AreNamedInOneWarning()
    {
        Assert.Equal(["Warning: tiny@1.2.3 is not calibrated for text+audio"], Warnings(TinyBundle.Directory));
        Assert.Equal(["Warning: tiny@1.2.3 is not calibrated for text, audio, text+audio"], Warnings(TinyBundle.Copy(manifest => manifest.Remove("calibration"))));
        Assert.Empty(Warnings(TinyBundle.Copy(manifest => manifest["calibration"]!["temperatures"]!["text+audio"] = 1.0)));

        static IEnumerable<string> Warnings(string directory)
        {
            var log = new LogLines<OnnxScorer>();
            using var scorer = new OnnxScorer(ModelBundle.Load(directory), Microsoft.Extensions.Options.Options.Create(TinyBundle.Options()), logger: log);
            return [.. log.All.Where(line => line.StartsWith("Warning", StringComparison.Ordinal)).Select(line => line[..line.LastIndexOf(':')])];
        }
    }

    [Fact]
    public void Apply_HugeLogits_StayFinite()
    {
        Assert.Equal([0, 1, 0], _calibration.Apply([-3e38f, 3e38f, 0], Both, []).Probabilities);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Apply_LogitThatIsNotFinite_Throws(float logit)
        => Assert.Throws<UnscorableException>(() => _calibration.Apply([0, logit, 0], Both, []));
}
