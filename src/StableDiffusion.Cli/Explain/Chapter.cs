using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>A chapter of the explanation: the same figures as HTML and as data.</summary>
/// <param name="Id">Its anchor, and its key in the data.</param>
/// <param name="Title">Its heading.</param>
/// <param name="Html">What stands below the heading.</param>
/// <param name="Data">The numbers and pictures of it; pictures as data URIs.</param>
internal sealed record Chapter(string Id, string Title, string Html, JsonObject Data);
