exec vsmtp --version
out vsmtp 0.1.0
