using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using EmoStream.Contracts;
using EmoStream.Contracts.Timeline;
using Microsoft.Extensions.Options;

namespace EmoStream.Client.Read;

/// <summary>Reads and follows emotion timelines through the gateway. Thread-safe.</summary>
public sealed partial class TimelineClient
{
    private readonly HttpClient _http;
    private readonly TimelineClientOptions _options;
    private readonly TimeProvider _timeProvider;

    /// <summary>Makes a client.</summary>
    /// <param name="http">The connection; its own <see cref="HttpClient.Timeout"/> bounds the requests other than following.</param>
    /// <param name="options">Where the gateway is and how patient to be.</param>
    /// <param name="timeProvider">Clock of reconnection; null means the system's.</param>
    public TimelineClient(HttpClient http, IOptions<TimelineClientOptions> options, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(options);
        _http = http;
        _options = options.Value;
        _timeProvider = timeProvider ?? TimeProvider.System;
    }

    /// <summary>Conversations by last activity, latest first.</summary>
    /// <param name="offset">How many to leave out; <see cref="ConversationPage.Next"/> of the page before.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <exception cref="TimelineRequestException">The gateway refused.</exception>
    /// <exception cref="HttpRequestException">The gateway could not be reached.</exception>
    public async Task<ConversationPage> ListAsync(int offset = 0, int limit = 50, CancellationToken cancellationToken = default)
    {
        using var response = await SendAsync(FormattableString.Invariant($"v1/conversations?offset={offset}&limit={limit}"), null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ContractsJson.Default.ConversationPage, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A conversation's timeline as it stands; null when the conversation is unknown.</summary>
    /// <param name="conversationId">The conversation.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <exception cref="TimelineRequestException">The gateway refused.</exception>
    /// <exception cref="HttpRequestException">The gateway could not be reached.</exception>
    public async Task<ConversationTimeline?> GetTimelineAsync(string conversationId, CancellationToken cancellationToken = default)
    {
        try
        {
            using var response = await SendAsync($"{Path(conversationId)}/timeline", null, cancellationToken).ConfigureAwait(false);
            return await ReadAsync(response, ContractsJson.Default.ConversationTimeline, cancellationToken).ConfigureAwait(false);
        }
        catch (TimelineRequestException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    private static string Path(string conversationId)
    {
        ArgumentException.ThrowIfNullOrEmpty(conversationId);
        return $"v1/conversations/{Uri.EscapeDataString(conversationId)}";
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            try
            {
                return await JsonSerializer.DeserializeAsync(body, type, cancellationToken).ConfigureAwait(false)
                    ?? throw new TimelineRequestException(response.StatusCode, "The gateway answered JSON null.");
            }
            catch (JsonException e)
            {
                throw new TimelineRequestException(response.StatusCode, "The gateway's answer is not a timeline: is the address right?", e);
            }
        }
    }

    private async Task<HttpResponseMessage> SendAsync(string path, long? lastEventId, CancellationToken cancellationToken)
    {
        var address = _options.BaseAddress ?? _http.BaseAddress ?? throw new InvalidOperationException($"{nameof(TimelineClientOptions)}.{nameof(TimelineClientOptions.BaseAddress)} is not set.");
        // A base address without its final slash would lose its last segment.
        var root = address.AbsoluteUri.EndsWith('/') ? address : new Uri(address.AbsoluteUri + "/");
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(root, path));
        if (lastEventId is { } id)
        {
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
            request.Headers.TryAddWithoutValidation("Last-Event-ID", id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        if (_options.TokenProvider is { } provider && await provider(cancellationToken).ConfigureAwait(false) is { Length: > 0 } token)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw new TimelineRequestException(response.StatusCode, response.StatusCode switch
            {
                HttpStatusCode.Unauthorized => "The gateway wants a bearer token (401): set TimelineClientOptions.TokenProvider.",
                HttpStatusCode.Forbidden => "The token does not allow this (403).",
                HttpStatusCode.NotFound => "The gateway does not know this conversation (404).",
                _ => $"The gateway answered {(int)response.StatusCode} {response.ReasonPhrase}.",
            });
        }
    }
}
