using System.Text.RegularExpressions;
using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>The library speaks of properties; the program turns them into what its users write.</summary>
public partial class OptionNamesTests
{
    /// <summary>Set by code alone: no text can say them.</summary>
    private static readonly string[] _withoutOption =
        [nameof(ImageRequest.SchedulerFactory), nameof(ImageRequest.NoiseFactory), nameof(ImageRequest.ReportsSteps), nameof(ImageRequest.Warning)];

    [Fact]
    public void Every_property_of_a_request_has_its_option()
    {
        var settable = typeof(ImageRequest).GetProperties().Where(property => property.CanWrite).Select(property => property.Name);

        string[] ofPipelines = [nameof(ExecutionProvider.LibraryPath), .. typeof(PipelineOptions).GetProperties().Select(property => property.Name)];
        Assert.Equal(settable.Except(_withoutOption).Order(), OptionNames.Properties.Except(ofPipelines).Order());
    }

    [Fact]
    public void One_refusal_names_property_option_and_field()
    {
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Device = ExecutionDevice.Cpu });

        var error = Assert.Throws<RequestException>(() => pipeline.Generate(new ImageRequest { Prompt = "", GuidanceScale = -3 }));

        Assert.Equal(nameof(ImageRequest.GuidanceScale), error.Parameter);
        Assert.Equal("GuidanceScale -3 must be a number of at least 0.", error.Message);
        Assert.Equal("--cfg-scale -3 must be a number of at least 0.", OptionNames.Message(error));
        Assert.Equal("cfg_scale -3 must be a number of at least 0.", OptionNames.MessageForLine(error));
    }

    [Fact]
    public void Numbers_in_messages_are_written_the_same_everywhere()
    {
        var before = Thread.CurrentThread.CurrentCulture;
        var german = new System.Globalization.CultureInfo("", useUserOverride: false) { NumberFormat = { NumberDecimalSeparator = "," } };
        Thread.CurrentThread.CurrentCulture = german;
        try
        {
            Assert.Equal("Eta 1.5 must be from 0 to 1.", Assert.Throws<RequestException>(() => RequestCheck.Share("Eta", 1.5)).Message);
        }
        finally
        {
            Thread.CurrentThread.CurrentCulture = before;
        }
    }

    /// <summary>Who uses the library has no command line: no text of it may speak of one.</summary>
    [Fact]
    public void No_text_of_the_library_names_an_option()
    {
        var texts =
            from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "StableDiffusion"), "*.cs", SearchOption.AllDirectories)
            where !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
            from line in File.ReadLines(file)
            where !line.TrimStart().StartsWith("//", StringComparison.Ordinal) && Option().IsMatch(line)
            select $"{Path.GetFileName(file)}: {line.Trim()}";

        Assert.Empty(texts);
    }

    [GeneratedRegex(@"""[^""]*--[a-z]")]
    private static partial Regex Option();
}
