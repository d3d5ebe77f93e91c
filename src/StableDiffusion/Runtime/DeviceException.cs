namespace StableDiffusion;

/// <summary>The device asked for cannot run the model. The message says why, and what to do.</summary>
public sealed class DeviceException(string message, Exception? innerException = null) : Exception(message, innerException);
