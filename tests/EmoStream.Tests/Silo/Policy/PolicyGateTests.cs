using EmoStream.Contracts.Events;
using EmoStream.Contracts.Inference;
using EmoStream.Silo.Policy;

namespace EmoStream.Tests.Silo.Policy;

public sealed class PolicyGateTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("clinic/7", "patient", "audio,text")]
    [InlineData("clinic/7", null, "text")]
    [InlineData("clinic", "patient", "text")]
    [InlineData("other/7", "patient", "text")]
    public void Decide_TenantAndRole_AllowWhatAnyRuleAllows(string conversation, string? role, string allowed)
    {
        var gate = Load("""{"id":"p","rules":[{"modalities":["text"]},{"modalities":["audio"],"tenants":["clinic"],"roles":["patient"]}]}""");

        var decision = gate.Decide(new() { ConversationId = conversation, Speaker = new("s", role) });

        Assert.Equal(allowed.Split(','), decision.Allowed.Order());
        Assert.Matches("^p@[0-9a-f]{8}$", decision.Id);
    }

    [Fact]
    public void Decide_NoPolicy_AllowsNothing() =>
        Assert.Empty(PolicyGate.Closed.Decide(new() { ConversationId = "c", Speaker = new("s") }).Allowed);

    [Fact]
    public void Apply_DropsWhatIsNotAllowed()
    {
        var gate = Load("""{"id":"p","rules":[{"modalities":["text"]}]}""");
        var model = new ModelDescription
        {
            Bundle = "b@1",
            Labels = ["x"],
            Window = 1,
            Modalities = [new("text", "t@1", 1, true), new("face", "f@1", 1, false)],
        };
        var face = new ModalityInput { Features = new("f@1", [1]) };
        var e = new UtteranceEvent { ConversationId = "c", UtteranceId = "u", Speaker = new("s"), Text = "hi", Face = face };

        Assert.Equal(new() { Text = "hi" }, gate.Decide(e).Apply(e, model));
        Assert.Null(gate.Decide(e).Apply(e with { Text = null }, model));
    }

    [Theory]
    [InlineData("{", "policy.json")]
    [InlineData("{}", "id")]
    [InlineData("""{"id":"p"}""", "rules")]
    [InlineData("""{"id":"p","rules":[{"modalities":[]}]}""", "rules[0].modalities")]
    [InlineData("""{"id":"p","rules":[{"modalities":["smell"]}]}""", "'smell'")]
    [InlineData("""{"id":"p","rules":[],"allow":"all"}""", "allow")]
    public void Load_BadFile_SaysWhatIsWrong(string json, string expected)
    {
        var e = Assert.Throws<PolicyException>(() => Load(json));

        Assert.Contains(expected == "policy.json" ? _file : expected, e.Message, StringComparison.Ordinal);
    }

    private PolicyGate Load(string json)
    {
        File.WriteAllText(_file, json);
        return PolicyGate.Load(_file);
    }
}
