using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>
/// What the library's parameters are called where users set them: by an option, or a field of a batch line. <see cref="ImageOptions.Table"/> says
/// which sets which.
/// </summary>
internal static class OptionNames
{
    private static readonly ProgramOptions _program = new();

    private static readonly Dictionary<string, Option> _options = new(
        from row in new ImageOptions().Table
        where row.Property is not null
        select KeyValuePair.Create(row.Property, row.Option))
    {
        [nameof(PipelineOptions.Device)] = _program.Device,
        [nameof(PipelineOptions.Provider)] = _program.Provider,
        [nameof(PipelineOptions.CudaOptions)] = _program.CudaOption,
        [nameof(ExecutionProvider.LibraryPath)] = _program.ProviderLibraryPath,
        [nameof(PipelineOptions.OneNetworkAtATime)] = _program.LowMemory,
        [nameof(PipelineOptions.FuseAttention)] = _program.Attention,
        [nameof(PipelineOptions.Precision)] = _program.Precision,
        [nameof(PipelineOptions.Variant)] = _program.Variant,
    };

    /// <summary>The properties that have an option.</summary>
    public static IReadOnlyCollection<string> Properties => _options.Keys;

    /// <summary>The option that sets a property, such as <c>--cfg-scale</c>; the shorter name where that is what people write.</summary>
    public static string Option(string property) => property switch
    {
        nameof(ImageRequest.Width) => "-W",
        nameof(ImageRequest.Height) => "-H",
        _ => _options.TryGetValue(property, out var option) ? option.Name : property,
    };

    /// <summary>The field of a batch line that sets a property, such as <c>cfg_scale</c>.</summary>
    public static string Field(string property) => _options.TryGetValue(property, out var option) ? FieldOf(option.Name) : property;

    /// <summary>An option's name as a field: <c>cfg_scale</c> for <c>--cfg-scale</c>.</summary>
    public static string FieldOf(string option) => option.TrimStart('-').Replace('-', '_').ToLowerInvariant();

    /// <summary>An exception's message for whoever gave the options.</summary>
    public static string Message(Exception error) => Message(error, Option);

    /// <summary>An exception's message for whoever wrote a batch line.</summary>
    public static string MessageForLine(Exception error) => Message(error, Field);

    private static string Message(Exception error, Func<string, string> nameOf) => error switch
    {
        RequestException refused => refused.MessageFor(nameOf),
        DeviceException refused => refused.MessageFor(nameOf),
        _ => error.Message,
    };
}
