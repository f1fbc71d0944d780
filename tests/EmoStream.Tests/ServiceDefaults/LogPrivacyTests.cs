using EmoStream.ServiceDefaults;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace EmoStream.Tests.ServiceDefaults;

public sealed class LogPrivacyTests
{
    [Theory]
    [InlineData("Orleans.Streams.Kafka", LogLevel.Error, false)]
    [InlineData("Orleans.Runtime.Catalog", LogLevel.Error, false)]
    [InlineData("Microsoft.Orleans.Messaging", LogLevel.Warning, false)]
    [InlineData("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Information, false)]
    [InlineData("System.Net.Http.HttpClient.Default.LogicalHandler", LogLevel.Information, false)]
    [InlineData("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Error, true)]
    [InlineData("Orleans.Runtime.MembershipService.MembershipTableManager", LogLevel.Warning, true)]
    [InlineData("EmoStream.Silo.Conversations.ConversationGrain", LogLevel.Debug, true)]
    public void IsEnabled_WhateverIsConfigured_LeavesOutWhatNamesConversations(string category, LogLevel level, bool expected)
    {
        using var logs = new CapturedLogs();
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            // The ways an operator opens a category: for all, by its name, for one provider.
            ["Logging:LogLevel:Default"] = "Trace",
            [$"Logging:LogLevel:{category}"] = "Trace",
            ["Logging:Captured:LogLevel:Default"] = "Trace",
            [$"Logging:Captured:LogLevel:{category}"] = "Trace",
        });
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging")).AddProvider(logs);
        builder.AddServiceDefaults();
        using var host = builder.Build();

        Assert.Equal(expected, host.Services.GetRequiredService<ILoggerFactory>().CreateLogger(category).IsEnabled(level));
    }

    [Theory]
    [InlineData("EmoStream", LogLevel.Information, false)]
    [InlineData("EmoStream", LogLevel.Warning, true)]
    [InlineData("Default", LogLevel.Information, false)]
    [InlineData("Default", LogLevel.Warning, true)]
    public void IsEnabled_LevelsOfOtherCategories_StayAsConfigured(string configured, LogLevel level, bool expected)
    {
        using var logs = new CapturedLogs();
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { [$"Logging:LogLevel:{configured}"] = "Warning" });
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging")).AddProvider(logs);
        builder.AddServiceDefaults();
        using var host = builder.Build();

        Assert.Equal(expected, host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("EmoStream.Timeline").IsEnabled(level));
    }
}
