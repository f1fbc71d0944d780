using EmoStream.Cli.Evaluate;

namespace EmoStream.Tests.Cli.Evaluate;

/// <summary>
/// The rule is shared with training. Expected values are Python's:
/// <c>int.from_bytes(hashlib.sha256(f"{c}\n{u}\n{m}".encode()).digest()[:8], "big") / 2**64</c>.
/// </summary>
public sealed class RandomMissingTests
{
    private const int Text = 1;
    private const int Audio = 2;

    [Theory]
    [InlineData("u1", "text", 0.5141022727264596)]
    [InlineData("u1", "audio", 0.6309548951011342)]
    [InlineData("u2", "text", 0.25060174587323425)]
    [InlineData("u2", "audio", 0.22494779748036647)]
    [InlineData("u3", "text", 0.4638414316721439)]
    [InlineData("u3", "audio", 0.164257816111369)]
    [InlineData("u4", "text", 0.5249146925599917)]
    [InlineData("u4", "audio", 0.8750457494349897)]
    [InlineData("u5", "text", 0.8518397927733269)]
    [InlineData("u5", "audio", 0.3203015684170289)]
    public void Draw_OfAModality_IsPythons(string utterance, string modality, double expected)
        => Assert.Equal(expected, RandomMissing.Draw("c1", utterance, modality), 15);

    [Theory]
    [InlineData("u1", Text | Audio, Text | Audio, Audio)]
    [InlineData("u2", Text, Text, Text)]
    [InlineData("u3", Text, Text, Text)]
    [InlineData("u4", Text | Audio, Text | Audio, Audio)]
    [InlineData("u5", Text | Audio, Text, Text)]
    public void Keep_AtRates3And5And7_IsPythons(string utterance, int at3, int at5, int at7)
    {
        var missing = new RandomMissing(["text", "audio"]);

        Assert.Equal((at3, at5, at7), (Keep(.3), Keep(.5), Keep(.7)));

        int Keep(double rate) => missing.Keep("c1", utterance, Text | Audio, rate);
    }

    [Fact]
    public void Keep_WhatTheUtteranceDoesNotBring_StaysAway()
    {
        var missing = new RandomMissing(["text", "audio"]);

        // Of u1 alone audio would be left at .7.
        Assert.Equal(Text, missing.Keep("c1", "u1", Text, .7));
        Assert.Equal(0, missing.Keep("c1", "u1", 0, .1));
    }

    [Fact]
    public void Keep_OverRates_IsNestedAndDropsAboutThatShare()
    {
        var missing = new RandomMissing(["text", "audio", "face", "body"]);
        var previous = Enumerable.Repeat(15, 2000).ToArray();
        foreach (var rate in RandomMissing.Rates)
        {
            int[] kept = [.. Enumerable.Range(0, previous.Length).Select(i => missing.Keep("c", $"u{i}", 15, rate))];

            Assert.All(kept.Zip(previous), pair => Assert.Equal(pair.First, pair.First & pair.Second));
            Assert.DoesNotContain(0, kept);
            // One of four always stays: the share that is left is 1 - rate, and rate^4 / 4 more.
            Assert.Equal(1 - rate + (Math.Pow(rate, 4) / 4), kept.Average(mask => int.PopCount(mask)) / 4, 0.02);
            previous = kept;
        }
    }
}
