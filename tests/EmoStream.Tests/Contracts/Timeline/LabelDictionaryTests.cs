using System.Text.Json;
using EmoStream.Contracts;
using EmoStream.Contracts.Timeline;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace EmoStream.Tests.Contracts.Timeline;

public sealed class LabelDictionaryTests
{
    private static readonly LabelDictionary Two = new(["joy", "fear"], [0.75f, 0.25f]);

    [Fact]
    public void Members_OfTwoLabels_ThoseOfADictionary()
    {
        Assert.Equal(2, Two.Count);
        Assert.Equal([new("joy", 0.75f), new("fear", 0.25f)], Two.ToArray());
        Assert.Equal(["joy", "fear"], Two.Keys);
        Assert.Equal([0.75f, 0.25f], Two.Values);
        Assert.Equal(0.25f, Two["fear"]);
        Assert.True(Two.ContainsKey("joy"));
        Assert.False(Two.TryGetValue("anger", out var none));
        Assert.Equal(0, none);
        Assert.Throws<KeyNotFoundException>(() => Two["anger"]);
    }

    [Fact]
    public void Constructor_MoreLabelsThanValues_Throws() => Assert.Throws<ArgumentException>(() => new LabelDictionary(["joy"], []));

    [Fact]
    public void Json_InAnEntry_IsThatOfADictionary()
    {
        static string Json(IReadOnlyDictionary<string, float> p) =>
            JsonSerializer.Serialize(new TimelineEntry { ConversationId = "c", UtteranceId = "u", Probabilities = p }, ContractsJson.Default.TimelineEntry);

        Assert.Equal(Json(new Dictionary<string, float>(Two)), Json(Two));
        Assert.Contains("\"probabilities\":{\"joy\":0.75,\"fear\":0.25}", Json(Two), StringComparison.Ordinal);
    }

    [Fact]
    public void Orleans_EntryOnAnotherSilo_HasTheSameValues()
    {
        var serializer = new ServiceCollection().AddSerializer().BuildServiceProvider().GetRequiredService<Serializer>();
        var entry = new TimelineEntry { ConversationId = "c", UtteranceId = "u", Probabilities = Two };

        var there = serializer.Deserialize<TimelineEntry>(serializer.SerializeToArray(entry))!;

        Assert.Equal(Two.ToArray(), there.Probabilities.ToArray());
        Assert.Empty(there.Weights);
        Assert.Equal(new(0, 0), there.LatencyMs);
    }
}
