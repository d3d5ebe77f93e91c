using System.Diagnostics;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace StableDiffusion.Tests;

public class ImageSharpPngTests
{
    // A valid interlaced PNG of 1x1 pixels, written by Pillow.
    private const string Interlaced = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAAHncGNIAAAADElEQVR4nGPYfO4eAASXAmC3/i5CAAAAAElFTkSuQmCC";

    private const string Started = "STABLEDIFFUSION_IMAGESHARP_STARTED";

    /// <summary>Why PNGs are read by <see cref="PngReader"/>. When this fails, ImageSharp may be given another chance.</summary>
    [Fact]
    public void ImageSharp_never_returns_from_a_valid_interlaced_png()
    {
        Assert.Equal((1, 1), (PngReader.Read(Convert.FromBase64String(Interlaced), "a.png").Image.Width, 1));
        using var folder = new TemporaryFolder();
        var started = folder.PathOf("started");
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, Environment = { [Started] = started } };
        foreach (var argument in (string[])[typeof(ImageSharpPngTests).Assembly.Location, "-explicit", "only", "-method", $"*.{nameof(ImageSharp_reads_it)}"])
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            var waited = Stopwatch.StartNew();
            while (!File.Exists(started) && !process.HasExited && waited.Elapsed < TimeSpan.FromMinutes(5))
            {
                Thread.Sleep(20);
            }

            Assert.True(File.Exists(started), "the process did not come as far as the picture");
            Assert.False(process.WaitForExit(TimeSpan.FromSeconds(3)), "ImageSharp reads interlaced PNGs now; look whether it can replace PngReader");
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
    }

    /// <summary>Run by the test above, in a process that can be ended.</summary>
    [Fact(Explicit = true)]
    public void ImageSharp_reads_it()
    {
        File.WriteAllText(Environment.GetEnvironmentVariable(Started)!, "");
        using var picture = Image.Load<Rgb24>(Convert.FromBase64String(Interlaced));
    }
}
