using EmoStream.Testing;

namespace EmoStream.Tests.Repository;

/// <summary>Both deployments speak the names that the programs read: a misspelt one would be ignored in silence.</summary>
public sealed class DeploymentTests
{
    private static readonly string[] SiloNeeds =
        ["ConnectionStrings:kafka", "ConnectionStrings:redis", "Orleans:ClusterId", "Orleans:ServiceId", "Orleans:Clustering:ProviderType", "Orleans:Clustering:ServiceKey", "EmoStream:Bundle", "EmoStream:Policy"];

    private static readonly string[] GatewayNeeds = ["ConnectionStrings:kafka", "ConnectionStrings:redis"];

    [Fact]
    public void Compose_Services_StandInTheOrderOfTheDataFlow() =>
        Assert.Equal(["kafka", "redis", "silo", "gateway"], Deployment.ComposeServices());

    [Fact]
    public void Compose_Redis_AcknowledgesOnlyWhatIsOnTheDisk() =>
        Assert.Contains("\"--appendonly\", \"yes\", \"--appendfsync\", \"always\"", File.ReadAllText(Checkout.At("docker-compose.yml")), StringComparison.Ordinal);

    [Theory]
    [InlineData("silo", "EmoStream.Silo")]
    [InlineData("gateway", "EmoStream.Gateway")]
    public void Compose_EveryName_IsRead(string service, string project) =>
        Assert.Empty(Deployment.Compose(service).Keys.Except(ReadKeys.Of(project)));

    [Theory]
    [InlineData("EmoStream.Silo")]
    [InlineData("EmoStream.Gateway")]
    public void AppHost_EveryName_IsRead(string project) =>
        Assert.Empty(Deployment.AppHost(project).Except(ReadKeys.Of(project)));

    [Fact]
    public void Compose_WhatProgramsNeed_IsSet()
    {
        Assert.Empty(SiloNeeds.Except(Deployment.Compose("silo").Keys));
        Assert.Empty(GatewayNeeds.Append("Authentication:Schemes:Bearer:Authority").Except(Deployment.Compose("gateway").Keys));
    }

    [Fact]
    public void AppHost_WhatProgramsNeed_IsSet()
    {
        Assert.Empty(SiloNeeds.Except(Deployment.AppHost("EmoStream.Silo")));
        Assert.Empty(GatewayNeeds.Append("EmoStream:Gateway:AllowAnonymous").Except(Deployment.AppHost("EmoStream.Gateway")));
    }

    [Fact]
    public void WhatProgramsNeed_IsRead()
    {
        Assert.Empty(SiloNeeds.Except(ReadKeys.Of("EmoStream.Silo")));
        Assert.Empty(GatewayNeeds.Except(ReadKeys.Of("EmoStream.Gateway")));
        Assert.DoesNotContain("EmoStream:Bundel", ReadKeys.Of("EmoStream.Silo"));
    }

    [Fact]
    public void Compose_MountedPaths_Exist()
    {
        var silo = Deployment.Compose("silo");

        Assert.All(
            new[] { silo["EmoStream:Bundle"], silo["EmoStream:Policy"] },
            path => Assert.True(Path.Exists(Checkout.At("infra", path["/emostream/".Length..])), path));
    }

    [Fact]
    public void Solution_ListsAppHost_WithoutBuildingIt()
    {
        // Aspire's SDK comes from NuGet alone: a build of the solution must not need it.
        var solution = File.ReadAllLines(Checkout.At("EmoStream.sln"));
        var project = Assert.Single(solution, line => line.Contains("EmoStream.AppHost.csproj", StringComparison.Ordinal));
        var id = project[(project.LastIndexOf('{'))..(project.LastIndexOf('}') + 1)];

        Assert.Contains(solution, line => line.Contains($"{id}.Debug|Any CPU.ActiveCfg", StringComparison.Ordinal));
        Assert.DoesNotContain(solution, line => line.Contains(id, StringComparison.Ordinal) && line.Contains("Build.0", StringComparison.Ordinal));
    }
}
