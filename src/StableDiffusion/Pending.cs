namespace StableDiffusion;
public sealed class GrayImage;
public enum ResizeMode { Stretch, Crop, Fill }
public static class PngReader { public static RgbImage ReadRgb(string p) => throw new RequestException(p); public static GrayImage ReadGray(string p) => throw new RequestException(p); }
internal static class ImageProcessor {
 public static float[] ToPixels(RgbImage i, int w, int h, ResizeMode m) => throw new RequestException("");
 public static float[] ToMask(GrayImage i, int w, int h, ResizeMode m) => throw new RequestException("");
 public static float[] WithoutMasked(float[] p, float[] m) => throw new RequestException("");
 public static float[] MaskToLatents(float[] p, int a, int b, int c, int d) => throw new RequestException("");
}
public sealed record GenerationParameters { public int Width; public int Height; public int Steps; public string Sampler = ""; public string ToInfotext() => ""; }
internal static class ParametersText { public static GenerationParameters Of(GenerationPlan plan, ModelFolder f, long seed) => new() { Width = plan.Width, Height = plan.Height, Steps = plan.Steps }; }
